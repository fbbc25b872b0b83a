// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bytes"
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// Sequences of events are drawn at random: what happens to a disk, and when the guard looks. A model that
// knows nothing of the guard's own reasons says what must hold. The number is that of the environment's
// GUARD_SEQUENCES, which make guard-sequences sets; GUARD_SEED is the number of the first.
const (
	sequencesSlice = 12
	sequenceLength = 10
	tries          = 3 // looks until nothing more is done
)

// world is one image, what the model knows of it, and a guard.
type world struct {
	*bench
	r       *rand.Rand
	path    string
	other   string // an image that is plugged in beside, "" for none
	events  []string
	sound   []byte // what a person left last that is a volume
	meant   bool   // a person did something since that was to end it, and the guard saw it
	trace   bool   // the same, and it is still there to be seen
	wiped   bool   // the second head bears a trace too: only its magic is gone
	keyless bool   // a person shredded keyslots since
	left    []byte // what the last event left
	backup  []byte // of the header, from some time before
	down    bool   // the guard does not run
	kept    int    // heads that were kept before the last event
	strange bool   // that event was another device's
	mended  int
}

func TestNothingThatHappensMakesAFalseRepair(t *testing.T) {
	count := sequencesSlice
	if text := os.Getenv("GUARD_SEQUENCES"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatal(err)
		}
		count = n
	}
	first, err := strconv.Atoi(cmp.Or(os.Getenv("GUARD_SEED"), "0"))
	if err != nil {
		t.Fatal(err)
	}
	whole := [2][]byte{seed(t, false), seed(t, true)}
	mended, acts := 0, map[string]int{}
	for n := first; n < first+count; n++ {
		w := newWorld(t, uint64(n), whole[n%2])
		for range sequenceLength {
			acts[w.event()]++
			w.watch()
		}
		mended += w.mended
		if t.Failed() {
			t.Fatalf("sequence %d: %v\n%s", n, w.events, w.log.String())
		}
		_ = os.RemoveAll(w.dir)
		if (n-first)%500 == 499 {
			t.Logf("sequences %d to %d: as the rule says, %d repairs", first, n, mended)
		}
	}
	t.Logf("%d sequences of %d events, %d repairs, events %v", count, sequenceLength, mended, acts)
}

// seed is a volume with two keys.
func seed(t *testing.T, farHeader bool) []byte {
	b := newBench(t, "")
	path := filepath.Join(b.dir, "seed.img")
	b.put(path, make([]byte, 4<<20))
	if farHeader {
		b.put(path, make([]byte, farDevice))
	}
	b.change(path, func(file *luks.File) error {
		v, err := luks.Format(t.Context(), file, []byte("one"), quick("11111111-2222-4333-8444-555555555555"))
		if err == nil {
			err = addKey(t.Context(), v, "one", "two")
		}
		if err == nil && farHeader {
			_, err = v.EnableFar(t.Context(), luks.Room{End: 1 << 20})
		}
		return err
	})
	contents, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return contents
}

func quickKeyslot() luks.NewKeyslot {
	return luks.NewKeyslot{
		KDF:    kdf.Params{Type: "pbkdf2", Hash: "sha256", Iterations: 1000, Salt: make([]byte, 32)},
		Cipher: "aes-xts-plain64", CipherKeySize: 64,
	}
}

func quick(uuid string) luks.FormatOptions {
	return luks.FormatOptions{
		Version: 2, Cipher: "aes-xts-plain64", KeySize: 64, Hash: "sha256", SectorSize: 512,
		UUID: uuid, KeyslotsSize: 768 << 10, DataOffset: 1 << 20, Keyslot: quickKeyslot(), DigestIterations: 1000,
	}
}

func newWorld(t *testing.T, seed uint64, whole []byte) *world {
	w := &world{bench: newBench(t, "repair = proven\nstore = full"), r: rand.New(rand.NewPCG(seed, 16)), sound: whole}
	w.path = filepath.Join(w.dir, "disk.img")
	w.putSparse(w.path, whole)
	w.left = w.begin()
	w.watch()
	return w
}

// event draws what happens next, and carries it out.
func (w *world) event() string {
	w.kept, w.strange = len(w.store.Heads(uuidOfWorld)), false
	names := []string{
		"primary zeroed", "secondary zeroed", "a bit flips", "heads zeroed", "keyslots zeroed", "wipefs", "mkfs",
		"partition table", "swap", "formatted anew", "formatted otherwise", "backup taken", "backup restored",
		"key killed", "key added", "relabelled", "clone plugged", "impostor plugged", "other unplugged", "grown",
		"guard down", "guard up", "disk unplugged and plugged", "nothing",
	}
	name := names[w.r.IntN(len(names))]
	w.events = append(w.events, name)
	w.happen(name)
	w.left = w.begin()
	return name
}

const uuidOfWorld = "11111111-2222-4333-8444-555555555555"

func (w *world) read() []byte {
	p, err := os.ReadFile(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

// putSparse writes a new image, with holes for zeros.
func (w *world) putSparse(path string, contents []byte) {
	w.put(path, nil)
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	const block = 64 << 10
	none := make([]byte, block)
	err = f.Truncate(int64(len(contents)))
	for at := 0; at < len(contents) && err == nil; at += block {
		if part := contents[at:min(at+block, len(contents))]; !bytes.Equal(part, none[:len(part)]) {
			_, err = f.WriteAt(part, int64(at))
		}
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// begin is what holds heads and keyslots.
func (w *world) begin() []byte {
	f, err := os.Open(w.path)
	if err != nil {
		w.t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, 1<<20)
	if _, err := f.ReadAt(p, 0); err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) happen(name string) {
	switch name {
	case "primary zeroed":
		w.trace = w.wiped
		w.overwrite(0, make([]byte, headSize))
	case "secondary zeroed":
		w.wiped = false
		w.overwrite(headSize, make([]byte, headSize))
	case "a bit flips":
		at := w.r.IntN(2 * headSize)
		w.overwrite(at, []byte{w.begin()[at] ^ 1})
	case "heads zeroed":
		w.trace, w.wiped = false, false
		w.overwrite(0, make([]byte, 2*headSize))
	case "keyslots zeroed":
		w.keyless = true
		w.overwrite(2*headSize, make([]byte, 256<<10))
	case "wipefs":
		w.trace, w.wiped = true, true
		w.overwrite(0, make([]byte, 6))
		w.overwrite(headSize, make([]byte, 6))
	case "mkfs":
		w.trace = true
		w.overwrite(1024, superblock())
	case "partition table":
		w.trace = true
		w.overwrite(0, append(make([]byte, 446+64), 0x55, 0xaa))
	case "swap":
		w.trace = true
		w.overwrite(0, make([]byte, 4086))
		w.overwrite(4086, []byte("SWAPSPACE2"))
	case "guard down", "guard up":
		w.down = name == "guard down"
	default:
		w.program(name)
	}
}

func (w *world) overwrite(at int, p []byte) {
	w.change(w.path, func(file *luks.File) error {
		_, err := file.WriteAt(p, int64(at))
		return err
	})
}

// program does what takes a program that knows LUKS. One that refuses changes nothing.
func (w *world) program(name string) {
	ctx := w.t.Context()
	switch name {
	case "formatted anew":
		w.deliberate(func(file *luks.File) error { return format(ctx, file, uuidOfWorld, "four") })
	case "formatted otherwise":
		w.deliberate(func(file *luks.File) error { return format(ctx, file, "99999999-2222-4333-8444-555555555555", "five") })
	case "key killed":
		w.deliberate(func(file *luks.File) error { return killLast(ctx, file) })
	case "key added":
		w.deliberate(func(file *luks.File) error {
			v, err := luks.Load(ctx, file)
			if err != nil {
				return err
			}
			return addKey(ctx, v, "one", "three")
		})
	case "relabelled":
		w.deliberate(func(file *luks.File) error { return relabel(ctx, file) })
	case "backup taken":
		if now := w.begin(); loads(now) { // no program backs up what is no volume
			w.backup = now
		}
	case "backup restored":
		if w.backup != nil {
			w.overwrite(0, w.backup)
			w.sound, w.meant, w.trace, w.wiped, w.keyless = w.read(), false, false, false, false
		}
	case "grown":
		if info, err := os.Stat(w.path); err == nil && info.Size() < 32<<20 {
			w.enlarge(w.path, info.Size()+(2<<20))
			w.sound = append(bytes.Clone(w.sound), make([]byte, 2<<20)...)
		}
	case "disk unplugged and plugged":
		contents := w.read()
		w.remove(w.path)
		w.putSparse(w.path, contents)
	default:
		w.plug(name)
	}
}

// deliberate is a change that a person made with a program; a refusal leaves all as it was.
func (w *world) deliberate(do func(*luks.File) error) {
	before := w.read()
	file, err := luks.OpenDevice(w.path, luks.DeviceOptions{Write: true, NoLocks: true})
	if err != nil {
		w.t.Fatal(err)
	}
	err = do(file)
	if closeErr := file.Close(); closeErr != nil {
		w.t.Fatal(closeErr)
	}
	if err != nil {
		w.putSparse(w.path, before)
		return
	}
	w.sound, w.meant, w.trace, w.wiped, w.keyless = w.read(), false, false, false, false
}

func (w *world) plug(name string) {
	w.strange = true
	switch name {
	case "clone plugged":
		w.other = filepath.Join(w.dir, "other.img")
		w.putSparse(w.other, w.sound)
	case "impostor plugged":
		w.other = filepath.Join(w.dir, "other.img")
		w.putSparse(w.other, make([]byte, 4<<20))
		w.change(w.other, func(file *luks.File) error { return format(w.t.Context(), file, uuidOfWorld, "six") })
	case "other unplugged":
		if w.other != "" {
			w.remove(w.other)
			w.other = ""
		}
	}
}

func format(ctx context.Context, file *luks.File, uuid, key string) error {
	_, err := luks.Format(ctx, file, []byte(key), quick(uuid))
	return err
}

func addKey(ctx context.Context, v *luks.Volume, by, key string) error {
	k, err := v.Unlock(ctx, []byte(by), luks.UnlockOptions{})
	if err != nil {
		return err
	}
	_, err = v.AddKey(ctx, k, []byte(key), quickKeyslot())
	return errors.Join(err, k.Close())
}

func killLast(ctx context.Context, file *luks.File) error {
	v, err := luks.Load(ctx, file)
	if err != nil {
		return err
	}
	if len(v.Keyslots) < 2 {
		return errors.ErrUnsupported
	}
	return v.KillKeyslot(ctx, v.Keyslots[len(v.Keyslots)-1].ID, nil)
}

// watch has the guard look, where it runs, and holds what it did against the rule: the heads are as the last
// event left them, or as a person left them last, and the latter only if nobody meant to end that.
func (w *world) watch() {
	if w.down {
		return
	}
	for range tries {
		if w.other != "" {
			w.Look(w.t.Context(), w.other)
		}
		w.Look(w.t.Context(), w.path)
	}
	now := w.begin()
	untouched := alike(now, w.left)
	if !untouched {
		w.mended++
		if !w.rightly(now) {
			w.t.Errorf("a false repair: ended %v, keyless %v", w.meant || w.trace, w.keyless)
		}
	}
	if !untouched {
		w.noKeyComesBack(now)
	}
	if kept := len(w.store.Heads(uuidOfWorld)); w.strange && kept < w.kept {
		w.t.Errorf("%d heads were kept, and after another device %d", w.kept, kept)
	}
	w.left, w.meant = now, w.meant || w.trace
	w.mends = map[string][]time.Time{}
}

// rightly: the heads are as a person left them, and so are the keyslots. After these were shredded a head may
// come from the other one, but nothing comes back that both had lost.
func (w *world) rightly(now []byte) bool {
	if w.meant || w.trace || !alike(now[:2*headSize], w.sound[:2*headSize]) {
		return false
	}
	rest := func(p []byte) []byte { return p[2*headSize : 1<<20] }
	asLeft := bytes.Equal(rest(now), rest(w.left))
	had, asSound := loads(w.left), w.areasComeBack(now)
	if had && asSound {
		w.keyless = false // a head was left, and the far header vouched for the areas
	}
	return asLeft && (had || !w.keyless) || asSound && !w.keyless
}

// areasComeBack: the areas of all keyslots are as a person left them, and what is nobody's is so too, or as the last
// event left it.
func (w *world) areasComeBack(now []byte) bool {
	v, err := luks.Load(w.t.Context(), still(w.sound))
	if err != nil {
		return false
	}
	free := bytes.Clone(now[2*headSize : 1<<20])
	for _, k := range v.Keyslots {
		from, to := k.Area.Offset, k.Area.Offset+k.Area.Size
		if !bytes.Equal(now[from:to], w.sound[from:to]) {
			return false
		}
		copy(free[from-2*headSize:], w.left[from:to])
	}
	for i, c := range free {
		if at := 2*headSize + i; c != w.left[at] && c != w.sound[at] {
			return false
		}
	}
	return true
}

// superblock is the beginning of an ext2 file system of 1,000 blocks.
func superblock() []byte {
	p := make([]byte, 8192)
	binary.LittleEndian.PutUint32(p, 128)       // inodes
	binary.LittleEndian.PutUint32(p[4:], 1000)  // blocks
	binary.LittleEndian.PutUint32(p[20:], 1)    // first of them
	binary.LittleEndian.PutUint32(p[32:], 8192) // in each group
	binary.LittleEndian.PutUint32(p[40:], 128)  // inodes in each group
	copy(p[56:], "\x53\xef\x01\x00")
	return p
}

// noKeyComesBack: what opens the volume now opened it as a person left it, or as the last event did.
func (w *world) noKeyComesBack(now []byte) {
	for _, key := range []string{"one", "two", "three", "four", "five", "six"} {
		if opens(now, key) && !opens(w.sound, key) && !opens(w.left, key) {
			w.t.Errorf("key %s is back", key)
		}
	}
}

func loads(image []byte) bool {
	_, err := luks.Load(context.Background(), still(image))
	return err == nil
}

func opens(image []byte, key string) bool {
	v, err := luks.Load(context.Background(), still(image))
	if err != nil {
		return false
	}
	k, err := v.Unlock(context.Background(), []byte(key), luks.UnlockOptions{})
	if err != nil {
		return false
	}
	_ = k.Close()
	return true
}

// still is an image that is only read.
type still []byte

func (s still) Size() int64 { return int64(len(s)) }
func (s still) ReadAt(p []byte, at int64) (int, error) {
	return bytes.NewReader(s).ReadAt(p, at)
}
func (still) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }
func (still) Sync() error                        { return nil }

// alike compares the beginning of two volumes: a copy that was written anew has a fresh salt and so another sum.
func alike(a, b []byte) bool {
	a, b = bytes.Clone(a), bytes.Clone(b)
	for _, p := range [][]byte{a, b} {
		for at := 0; at < 2*headSize; at += headSize {
			clear(p[at+104 : at+168])
			clear(p[at+448 : at+512])
		}
	}
	return bytes.Equal(a, b)
}
