// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"context"
	"errors"
	"fmt"
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
}

func newDifferBed(t *testing.T) *differBed {
	t.Helper()
	d := &differBed{t: t, images: map[string][]byte{}}
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
	return d
}

// run gives the line to a program in a folder of its own.
func (d *differBed) run(dir string, p tool, l line) (outcome, error) {
	files := map[string][]byte{
		"k1": []byte("the key k1\nwith a second line"), "k2": []byte("the key k2\nwith a second line"),
		"k3": []byte("the key k3\nwith a second line"), "wrong": []byte("wrong"), "empty": nil,
		"token": []byte(`{"type":"t","keyslots":["0"],"x":1}`), "odd": []byte(`{"type":"t"}`), "text": []byte("no JSON"),
		"b.img": d.images["luks2, keys"][:2<<20], "c.img": d.images["luks1, keys"],
	}
	files["a.img"] = d.images[l.image]
	if err := os.RemoveAll(dir); err != nil {
		return outcome{}, err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return outcome{}, err
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			return outcome{}, err
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, l.args...)
	cmd.Dir, cmd.Stdin = dir, strings.NewReader(l.stdin)
	said, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return outcome{}, err
	}
	o := outcome{code: cmd.ProcessState.ExitCode(), said: string(said)}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return o, err
	}
	o.wrote = len(entries) != len(files)
	for _, e := range entries {
		now, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if err != nil {
			return o, err
		}
		o.wrote = o.wrote || string(now) != string(files[e.Name()])
		if e.Name() == "a.img" {
			o.header = headerFacts(now)
		}
	}
	return o, nil
}

// differ draws lines and gives each to our program and to both releases of the peer; it returns how many
// agree, and tells of those that do not and are not explained.
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
			own := filepath.Join(dir, strconv.Itoa(w))
			for i := next.Add(1); i <= int64(count) && failures.Load() < 40; i = next.Add(1) {
				l := drawLine(rand.New(rand.NewPCG(seed, uint64(i))))
				var got [3]outcome
				for k, p := range []tool{bench.ours, bench.bookworm, bench.trixie} {
					var err error
					if got[k], err = d.run(own, p, l); err != nil {
						d.t.Errorf("%s: %s: %v", l, p.name, err)
						failures.Add(1)
					}
				}
				if got[0].agrees(got[1]) || got[0].agrees(got[2]) {
					agree.Add(1)
					continue
				}
				if why := explanation(l, got[0], got[1], got[2]); why != "" {
					known.Add(1)
					mu.Lock()
					reasons[why]++
					mu.Unlock()
					continue
				}
				failures.Add(1)
				d.t.Errorf("line %d: %s\n  ours   %s\n  2.6.1  %s\n  2.7.5  %s", i, l, got[0], got[1], got[2])
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
