// SPDX-License-Identifier: Apache-2.0

package rescue

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"io"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// disk is an image in memory with unreadable 512-byte sectors.
type disk struct {
	image []byte
	bad   map[int64]bool
}

func (d disk) Size() int64 { return int64(len(d.image)) }
func (d disk) Sync() error { return nil }

func (d disk) WriteAt([]byte, int64) (int, error) { return 0, syscall.EROFS }

func (d disk) ReadAt(p []byte, off int64) (int, error) {
	for s := off / 512; s*512 < off+int64(len(p)); s++ {
		if d.bad[s] {
			return 0, syscall.EIO
		}
	}
	return bytes.NewReader(d.image).ReadAt(p, off)
}

func look(t *testing.T, d disk) Result {
	t.Helper()
	before := sha256.Sum256(d.image)
	r, err := Search(context.Background(), d, d.Size(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if sha256.Sum256(d.image) != before {
		t.Fatal("a search changed the image")
	}
	return r
}

// unlocks rebuilds the header and compares the volume key that the passphrase finds in it.
func unlocks(t *testing.T, d disk, f Find, m vectors.Manifest) {
	t.Helper()
	image, lost, err := Rebuild(d, d.Size(), f, rand.Reader)
	if err != nil || len(lost) > 0 {
		t.Fatalf("%v, lost %+v", err, lost)
	}
	v, err := luks.Load(context.Background(), disk{image: image})
	if err != nil {
		t.Fatal(err)
	}
	if v.Version == 2 && !v.Choice.Healthy() {
		t.Errorf("rebuilt heads: %v", v.Choice.Reason)
	}
	passphrase := vectors.K0
	if m.K0 != vectors.Unlocks {
		passphrase = vectors.K1
	}
	key, err := v.Unlock(context.Background(), []byte(passphrase), luks.UnlockOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	if !bytes.Equal(key.Bytes(), m.VolumeKey) {
		t.Error("another volume key than recorded")
	}
}

// harm is one way to lose a header of LUKS2 with copies of size bytes.
type harm struct {
	name string
	do   func(p []byte, size int)
	kind Kind // of the first piece
}

func harms() []harm {
	return []harm{
		{"nothing", func([]byte, int) {}, Head},
		{"magic of the primary", func(p []byte, _ int) { clear(p[:6]) }, Wiped},
		{"both magics", func(p []byte, size int) { clear(p[:6]); clear(p[size : size+6]) }, Wiped},
		{"other magic", func(p []byte, size int) { copy(p, "XFSB\x00\x00"); copy(p[size:], "_BHRfS") }, Wiped},
		{"primary", func(p []byte, size int) { clear(p[:size]) }, Head},
		{"secondary", func(p []byte, size int) { clear(p[size : 2*size]) }, Head},
		{"primary, magic of the secondary", func(p []byte, size int) { clear(p[:size]); clear(p[size : size+6]) }, Wiped},
		{"both binary headers", func(p []byte, size int) { clear(p[:4096]); clear(p[size : size+4096]) }, Text},
		{"all but the primary's text", func(p []byte, size int) { clear(p[:4096]); clear(p[size : 2*size]) }, Text},
		{"all but the secondary's text", func(p []byte, size int) { clear(p[:size+4096]) }, Text},
		{"first sectors of both", func(p []byte, size int) { clear(p[:512]); clear(p[size : size+512]) }, Text},
		{"checksums", func(p []byte, size int) { p[450] ^= 1; p[size+450] ^= 1 }, Text},
		{"garbage behind the text", func(p []byte, size int) { p[size-1], p[2*size-1] = 'x', 'x' }, Text},
	}
}

func TestDamagedHeadersAreRebuiltAndUnlock(t *testing.T) {
	for _, name := range []string{"luks2-unbound", "luks2-metadata-64k", "luks2-cbc-essiv"} {
		image, m := vectors.Open(name)
		size := headerSize(t, image)
		for _, h := range harms() {
			t.Run(name+"/"+h.name, func(t *testing.T) {
				d := disk{image: bytes.Clone(image)}
				h.do(d.image, size)
				r := look(t, d)
				if len(r.Finds) == 0 || r.Finds[0].Base != 0 || r.Finds[0].Pieces[0].Kind != h.kind {
					t.Fatalf("%+v", r.Finds)
				}
				unlocks(t, d, r.Finds[0], m)
			})
		}
	}
}

func headerSize(t *testing.T, image []byte) int {
	t.Helper()
	c, _, err := DecodeCopy(image)
	if err != nil {
		t.Fatal(err)
	}
	return int(c.Header.Size)
}

func TestEveryRecordedVolumeIsFoundOnAMovedPartition(t *testing.T) {
	for _, m := range vectors.All() {
		image, _ := vectors.Open(m.Name)
		for _, start := range []int{512, 63 * 512, 1 << 20, 1<<20 - 512} {
			d := disk{image: append(make([]byte, start), image...)}
			r := look(t, d)
			if len(r.Finds) != 1 || r.Finds[0].Base != int64(start) || r.Finds[0].Usable() == 0 {
				t.Errorf("%s at %d: %+v", m.Name, start, r.Finds)
			}
		}
		d := disk{image: append(make([]byte, 34*512), image...)}
		unlocks(t, d, look(t, d).Finds[0], m)
	}
}

func TestPartitionThatBeganEarlier(t *testing.T) {
	image, _ := vectors.Open("luks2-unbound")
	d := disk{image: image[4096:]}
	r := look(t, d)
	if len(r.Finds) != 1 || r.Finds[0].Base != -4096 || len(r.Finds[0].Pieces) != 1 {
		t.Fatalf("%+v", r.Finds)
	}
	_, m := vectors.Open("luks2-unbound")
	unlocks(t, d, r.Finds[0], m)
}

func TestLUKS1WithoutItsMagic(t *testing.T) {
	for _, name := range []string{"luks1-sha1", "luks1-ripemd"} {
		image, m := vectors.Open(name)
		clear(image[:6])
		d := disk{image: image}
		r := look(t, d)
		if len(r.Finds) != 1 || r.Finds[0].Pieces[0].Kind != LUKS1Gone {
			t.Fatalf("%+v", r.Finds)
		}
		unlocks(t, d, r.Finds[0], m)
	}
}

func TestBackupInsideADiskIsListedBehindTheVolume(t *testing.T) {
	image, m := vectors.Open("luks2-unbound")
	backup := bytes.Clone(image[:1<<20])
	d := disk{image: append(append(bytes.Clone(image), make([]byte, 8192)...), backup...)}
	r := look(t, d)
	if len(r.Finds) != 2 || r.Finds[0].Base != 0 || r.Finds[1].Base != int64(len(image)+8192) {
		t.Fatalf("%+v", r.Finds)
	}
	// Now the volume's own keyslots are gone: the backup is what opens it.
	clear(d.image[:1<<20])
	r = look(t, d)
	if len(r.Finds) != 1 {
		t.Fatalf("%+v", r.Finds)
	}
	unlocks(t, d, r.Finds[0], m)
}

func TestSurvivingKeyslotsCountMost(t *testing.T) {
	image, _ := vectors.Open("luks2-metadata-64k")
	other, _ := vectors.Open("luks2-unbound")
	d := disk{image: append(bytes.Clone(image), other...)}
	clear(d.image[131072:647168]) // the first volume's keyslots
	r := look(t, d)
	if len(r.Finds) != 2 || r.Finds[0].Base != int64(len(image)) || r.Finds[1].Usable() != 0 || r.Finds[1].Keyslots[0].State != "damaged" {
		t.Errorf("%+v", r.Finds)
	}
}

func TestUnreadableSectorsAreSkippedAndNamed(t *testing.T) {
	image, m := vectors.Open("luks2-unbound")
	d := disk{image: image, bad: map[int64]bool{0: true, 1: true, 500: true, 1500: true}}
	r := look(t, d)
	if r.Skipped != 4*512 || len(r.Finds) != 1 || r.Finds[0].Pieces[0].Offset != 16384 {
		t.Fatalf("%+v", r)
	}
	if r.Finds[0].Keyslots[0].State != "unreadable" {
		t.Errorf("keyslots %+v", r.Finds[0].Keyslots)
	}
	_, lost, err := Rebuild(d, d.Size(), r.Finds[0], rand.Reader)
	if err != nil || len(lost) != 1 || lost[0] != (Lost{500 * 512, 512}) {
		t.Errorf("lost %+v, %v", lost, err)
	}
	delete(d.bad, 500)
	unlocks(t, d, look(t, d).Finds[0], m)
}

func TestNothingIsFoundInNoise(t *testing.T) {
	image := make([]byte, 8<<20+777)
	if _, err := rand.Read(image); err != nil {
		t.Fatal(err)
	}
	copy(image[512:], `{"keyslots":{}, and then nothing`)
	copy(image[1024:], "\x00\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x00\x00\x00\x40\x00")
	copy(image[2048:], "LUKS\xba\xbe\x00\x01aes")
	if r := look(t, disk{image: image}); len(r.Finds) != 0 || r.Skipped != 0 {
		t.Errorf("%+v", r)
	}
}

func TestSearchStopsWhenTold(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	calls := 0
	_, err := Search(ctx, disk{image: make([]byte, 8<<20)}, 8<<20, func(int64) { calls++; cancel() })
	if !errors.Is(err, context.Canceled) || calls != 1 {
		t.Errorf("%v after %d", err, calls)
	}
}

func TestLostUUIDIsMadeAnew(t *testing.T) {
	image, m := vectors.Open("luks2-unbound")
	clear(image[:4096])
	clear(image[16384 : 16384+4096])
	d := disk{image: image}
	f := look(t, d).Finds[0]
	if f.UUID != "" {
		t.Fatalf("uuid %q", f.UUID)
	}
	rebuilt, _, err := Rebuild(d, d.Size(), f, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	if c, _, err := DecodeCopy(rebuilt); err != nil || !isUUID(c.Header.UUID) {
		t.Errorf("uuid %q, %v", c.Header.UUID, err)
	}
	unlocks(t, d, f, m)
}

func TestUUIDSurvivesADamagedBinaryHeader(t *testing.T) {
	image, m := vectors.Open("luks2-unbound")
	clear(image[:100])
	clear(image[16384 : 2*16384])
	d := disk{image: image}
	f := look(t, d).Finds[0]
	if want := "8be4c4f0-606f-446f-a087-5646d0229aca"; f.UUID != want {
		t.Errorf("uuid %q", f.UUID)
	}
	unlocks(t, d, f, m)
}

// forged is a device on which a head of the largest size, with a wrong checksum, begins at every
// sector.
type forged struct{ size int64 }

func (f forged) ReadAt(p []byte, off int64) (int, error) {
	const head = "LUKS\xba\xbe\x00\x02\x00\x00\x00\x00\x00\x40\x00\x00"
	clear(p)
	for at := int(-off&511) % 512; at < len(p); at += 512 {
		copy(p[at:], head)
	}
	return int(min(int64(len(p)), f.size-off)), nil
}

func TestForgedHeadsCostNoMoreThanTheirBudget(t *testing.T) {
	s := search{src: forged{64 << 20}, size: 64 << 20, spent: maxSpent}
	for at := int64(0); at < s.size; at += chunk {
		p := make([]byte, chunk)
		s.read(p, at)
		s.scan(p, at)
	}
	if !s.result.Truncated || len(s.pieces) != 0 {
		t.Errorf("%+v", s.result)
	}
}

// hole is a device that gives zeros at the speed of memory.
type hole []byte

func (h hole) ReadAt(p []byte, off int64) (int, error) { return copy(p, h[:min(len(h), len(p))]), nil }

func BenchmarkSearch(b *testing.B) {
	noise := make(hole, chunk)
	if _, err := io.ReadFull(rand.Reader, noise); err != nil {
		b.Fatal(err)
	}
	const size = 256 << 20
	b.SetBytes(size)
	for b.Loop() {
		if _, err := Search(context.Background(), noise, size, nil); err != nil {
			b.Fatal(err)
		}
	}
}

// small is a volume in memory.
type small struct{ disk }

func (d small) WriteAt(p []byte, off int64) (int, error) { return copy(d.image[off:], p), nil }

// Each head size has its secondary at another place: alone, on a partition that moved, with and without
// its magic, it is enough.
func TestASecondaryAloneIsEnoughAtEachOfTheNineOffsets(t *testing.T) {
	for _, size := range luks2.Sizes() {
		const start = 63 * 512
		d := small{disk{image: make([]byte, 2*size+1<<20)}}
		_, err := luks.Format(context.Background(), d, []byte(vectors.K0), luks.FormatOptions{
			Version: 2, Cipher: "aes-xts-plain64", KeySize: 32, Hash: "sha256", SectorSize: 512,
			UUID: "11111111-2222-4333-8444-555555555555", MetadataSize: size, KeyslotsSize: 256 << 10, DataOffset: 2*size + 512<<10,
			Keyslot: luks.NewKeyslot{KDF: kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: 1000}},
		})
		if err != nil {
			t.Fatalf("size %d: %v", size, err)
		}
		clear(d.image[:size])
		for kind, magic := range map[Kind]string{Head: luks2.SecondaryMagic, Wiped: "\x00\x00\x00\x00\x00\x00"} {
			copy(d.image[size:], magic)
			moved := disk{image: append(make([]byte, start), d.image...)}
			r := look(t, moved)
			if len(r.Finds) == 0 || r.Finds[0].Base != start || r.Finds[0].Pieces[0].Kind != kind || r.Finds[0].Pieces[0].Offset != start+int64(size) {
				t.Errorf("size %d, %v: %+v", size, kind, r.Finds)
				continue
			}
			image, _, err := Rebuild(moved, moved.Size(), r.Finds[0], rand.Reader)
			if err != nil {
				t.Fatal(err)
			}
			v, err := luks.Load(context.Background(), disk{image: image})
			if err != nil || !v.Choice.Healthy() || uint64(v.Choice.Copy.Header.Size) != size {
				t.Fatalf("size %d: %v", size, err)
			}
			key, err := v.Unlock(context.Background(), []byte(vectors.K0), luks.UnlockOptions{})
			if err != nil {
				t.Errorf("size %d, %v: %v", size, kind, err)
			}
			_ = key.Close()
		}
	}
}
