// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// line is a drawn command line with what it is given.
type line struct {
	image string // what image a.img begins as
	args  []string
	stdin string
}

func (l line) String() string {
	return fmt.Sprintf("[%s] cryptsetup %s <<< %q", l.image, strings.Join(l.args, " "), l.stdin)
}

// outcome is what a program made of a line.
type outcome struct {
	code   int
	wrote  bool   // to an image or to another file
	header string // what a.img says afterwards, less what must differ
	said   string
}

// agrees: the class of the exit code, whether something was written, and what the header says.
func (o outcome) agrees(p outcome) bool {
	return o.code == p.code && o.wrote == p.wrote && o.header == p.header
}

func (o outcome) String() string {
	return fmt.Sprintf("exit %d, wrote %v, %.300q\n      %s", o.code, o.wrote, strings.TrimSpace(o.said), o.header)
}

// differBed has the images that lines begin with.
type differBed struct {
	t      *testing.T
	images map[string][]byte

	headers map[string]string // of the images
}

func newDifferBed(t *testing.T) *differBed {
	t.Helper()
	d := &differBed{t: t, images: map[string][]byte{}, headers: map[string]string{}}
	f := func(args string) []string { return append(words(args), cheap("pbkdf2")...) }
	one := func(name string, size int64, steps ...[]string) {
		b := newBed(t)
		b.write("token", `{"type":"t","keyslots":["0"],"x":1}`)
		b.write("empty", "")
		b.image("a.img", size)
		for _, s := range steps {
			b.must(bench.bookworm, s...)
		}
		d.images[name] = b.read("a.img")
	}
	two := f("luksFormat -q --luks2-keyslots-size 1m --offset 4096 --uuid 11111111-2222-4333-8444-555555555555 --key-file k1 a.img")
	old := f("luksFormat -q --type luks1 --uuid 11111111-2222-4333-8444-666666666666 --key-file k1 a.img")
	add := f("luksAddKey -q --key-file k1 a.img k2")
	one("zeros", 4<<20)
	one("luks2", 4<<20, two)
	one("luks2, keys", 4<<20, two, add, f("luksAddKey -q --key-file k1 -S 5 --unbound --key-size 128 a.img k3"), words("token import --json-file token a.img"), words("config --priority prefer -S 1 a.img"))
	one("luks1", 4<<20, old)
	one("luks1, keys", 4<<20, old, add, add)
	one("luks2, empty key", 4<<20, slices.Concat(words("luksFormat -q --luks2-keyslots-size 1m --offset 4096 a.img empty"), cheap("pbkdf2")))
	for name, at := range map[string]int{"primary damaged": 100, "secondary damaged": 16384 + 100} {
		image := slices.Clone(d.images["luks2, keys"])
		clear(image[at : at+64])
		d.images[name] = image
	}
	foreign := slices.Clone(d.images["luks2"])
	clear(foreign[:4096])
	foreign[1024], foreign[1024+4], foreign[1024+0x38], foreign[1024+0x39], foreign[1024+0x4c] = 16, 64, 0x53, 0xef, 1 // inodes, blocks, ext2's magic, revision
	d.images["another signature"] = foreign
	for name, image := range d.images {
		d.headers[name] = headerFacts(image)
	}
	return d
}

// place is a folder that lines are run in. What a line left alone is not written anew for the next one.
type place struct {
	dir    string
	files  map[string][]byte
	intact map[string]bool
}

// untouched is the time that files have which no program has written to.
var untouched = time.Unix(1e9, 0)

func (d *differBed) place(dir string) (*place, error) {
	return &place{dir, map[string][]byte{
		"k1": []byte("the key k1\nwith a second line"), "k2": []byte("the key k2\nwith a second line"),
		"k3": []byte("the key k3\nwith a second line"), "wrong": []byte("wrong"), "empty": nil,
		"token": []byte(`{"type":"t","keyslots":["0"],"x":1}`), "odd": []byte(`{"type":"t"}`), "text": []byte("no JSON"),
		"b.img": d.images["luks2, keys"][:2<<20], "c.img": d.images["luks1, keys"], "a.img": nil,
	}, map[string]bool{}}, os.Mkdir(dir, 0o700)
}

// lay puts everything where it belongs, with an image in a.img.
func (p *place) lay(image []byte) error {
	if !slices.Equal(p.files["a.img"], image) {
		p.files["a.img"], p.intact["a.img"] = image, false
	}
	entries, err := os.ReadDir(p.dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !p.intact[e.Name()] {
			err = errors.Join(err, os.RemoveAll(filepath.Join(p.dir, e.Name())))
		}
	}
	for name, text := range p.files {
		if path := filepath.Join(p.dir, name); !p.intact[name] {
			err = errors.Join(err, os.WriteFile(path, text, 0o600), os.Chtimes(path, untouched, untouched))
			p.intact[name] = true
		}
	}
	return err
}

// changed looks for what a program wrote, made or removed.
func (p *place) changed() (bool, error) {
	wrote := false
	for name, text := range p.files {
		path := filepath.Join(p.dir, name)
		if info, err := os.Stat(path); err == nil && info.ModTime().Equal(untouched) && info.Size() == int64(len(text)) {
			continue
		}
		p.intact[name] = false
		now, err := os.ReadFile(path)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return wrote, err
		}
		wrote = wrote || err != nil || !slices.Equal(now, text)
	}
	entries, err := os.ReadDir(p.dir)
	return wrote || len(entries) != len(p.files), err
}

// run gives the line to a program.
func (d *differBed) run(at *place, p tool, l line) (outcome, error) {
	if err := at.lay(d.images[l.image]); err != nil {
		return outcome{}, err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, l.args...)
	cmd.Dir, cmd.Stdin = at.dir, strings.NewReader(l.stdin)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return outcome{}, err
	}
	o := outcome{code: cmd.ProcessState.ExitCode(), said: string(said)}
	if o.wrote, err = at.changed(); err != nil {
		return o, err
	}
	if at.intact["a.img"] {
		o.header = d.headers[l.image]
		return o, nil
	}
	now, err := os.ReadFile(filepath.Join(at.dir, "a.img"))
	o.header = headerFacts(now)
	return o, err
}

// outcomes gives the line to our program and to releases of the peer until one agrees, every other line to the later
// release first.
func (d *differBed) outcomes(at *place, i int64, l line) (got map[string]outcome, agree bool, err error) {
	peers := []tool{bench.bookworm, bench.trixie}
	if i%2 == 1 {
		slices.Reverse(peers)
	}
	got = map[string]outcome{}
	for _, p := range append([]tool{bench.ours}, peers...) {
		if got[p.name], err = d.run(at, p, l); err != nil {
			return got, false, fmt.Errorf("%s: %s: %w", l, p.name, err)
		}
		if p != bench.ours && got[p.name].agrees(got[bench.ours.name]) {
			return got, true, nil
		}
	}
	return got, false, nil
}

// differ draws lines; it returns how many have the same outcome as with one release of the peer, and tells of those
// that do not and are not explained.
func (d *differBed) differ(count int, seed uint64) (same, explained int) {
	dir := d.t.TempDir()
	if shm, err := os.MkdirTemp("/dev/shm", "differ"); err == nil {
		dir = shm
		d.t.Cleanup(func() { _ = os.RemoveAll(shm) })
	}
	var agree, known, next, failures atomic.Int64
	reasons := map[string]int{}
	var mu sync.Mutex
	var workers sync.WaitGroup
	for w := range runtime.NumCPU() {
		workers.Go(func() {
			at, err := d.place(filepath.Join(dir, strconv.Itoa(w)))
			for i := next.Add(1); err == nil && i <= int64(count) && failures.Load() < 40; i = next.Add(1) {
				l := drawLine(rand.New(rand.NewPCG(seed, uint64(i))))
				var got map[string]outcome
				var same bool
				if got, same, err = d.outcomes(at, i, l); err != nil {
					break
				}
				if same {
					agree.Add(1)
					continue
				}
				ours, old, new := got[bench.ours.name], got[bench.bookworm.name], got[bench.trixie.name]
				if why := explanation(l, ours, old, new); why != "" {
					known.Add(1)
					mu.Lock()
					reasons[why]++
					mu.Unlock()
					continue
				}
				failures.Add(1)
				d.t.Errorf("line %d: %s\n  ours   %s\n  2.6.1  %s\n  2.7.5  %s", i, l, ours, old, new)
			}
			if err != nil {
				d.t.Error(err)
			}
		})
	}
	workers.Wait()
	for why, n := range reasons {
		fmt.Printf("  %5d otherwise on purpose: %s\n", n, why)
	}
	return int(agree.Load()), int(known.Load())
}

// TestCommandLinesAgree draws command lines: a slice of them, or as many as ORTHRUS_DIFFER says.
func TestCommandLinesAgree(t *testing.T) {
	count, seed := 150, uint64(1)
	if n, err := strconv.Atoi(os.Getenv("ORTHRUS_DIFFER")); err == nil {
		count = n
	}
	if n, err := strconv.ParseUint(os.Getenv("ORTHRUS_SEED"), 10, 64); err == nil {
		seed = n
	}
	same, explained := newDifferBed(t).differ(count, seed)
	fmt.Printf("%d command lines of seed %d: %d with the same outcome as cryptsetup 2.6.1 or 2.7.5, %d otherwise on purpose\n", count, seed, same, explained)
}
