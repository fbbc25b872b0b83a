// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// program is one of the two cryptsetups.
type program struct{ name, path string }

func ours() program { return program{"orthrus", "/usr/bin/orthrus"} }

// real is the cryptsetup of a Debian release.
func real(t *testing.T, release string) program {
	t.Helper()
	path, err := machine.Peer(release)
	if err != nil {
		t.Fatal(err)
	}
	return program{release, path}
}

// outcome is how a program ended.
type outcome struct {
	code           int
	stdout, stderr string
}

// bench is a directory with key files, where programs run.
type bench struct {
	t   *testing.T
	dir string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t, t.TempDir()}
	for _, key := range []string{"k1", "k2", "k3", "wrong"} {
		b.write(key, []byte("the key "+key))
	}
	return b
}

func (b *bench) path(name string) string { return filepath.Join(b.dir, name) }

func (b *bench) write(name string, data []byte) {
	b.t.Helper()
	if err := os.WriteFile(b.path(name), data, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// image makes a sparse file; a relative name is one in the directory.
func (b *bench) image(name string, size int64) {
	b.t.Helper()
	b.write(name, nil)
	if err := os.Truncate(b.path(name), size); err != nil {
		b.t.Fatal(err)
	}
}

func (b *bench) run(p program, args ...string) outcome {
	b.t.Helper()
	cmd := exec.Command(p.path, args...)
	cmd.Dir = b.dir
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if err := cmd.Run(); cmd.ProcessState == nil {
		b.t.Fatalf("%s: %v", p.name, err)
	}
	return outcome{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// must runs what has to succeed and returns standard output.
func (b *bench) must(p program, args ...string) string {
	b.t.Helper()
	return b.exits(p, 0, args...).stdout
}

// exits runs what has to end with a code.
func (b *bench) exits(p program, code int, args ...string) outcome {
	b.t.Helper()
	got := b.run(p, args...)
	if got.code != code {
		b.t.Fatalf("%s %s: exit %d, want %d\n%s%s", p.name, strings.Join(args, " "), got.code, code, got.stdout, got.stderr)
	}
	return got
}

// open maps with a program and closes with the test, should it still be there.
func (b *bench) open(p program, name string, args ...string) string {
	b.t.Helper()
	b.t.Cleanup(func() { _ = exec.Command("dmsetup", "remove", "--retry", name).Run() })
	b.must(p, append(append([]string{"open"}, args...), name)...)
	return "/dev/mapper/" + name
}

func words(text string) []string { return strings.Fields(text) }

// edge is how much is written at each end of a mapping, bytes.
const edge = 64 << 10

// pattern is data that no other fill has.
func pattern(fill string) []byte {
	var out bytes.Buffer
	for i := 0; out.Len() < 2*edge; i++ {
		fmt.Fprintf(&out, "%s %d\n", fill, i)
	}
	return out.Bytes()[:2*edge]
}

// put writes a pattern to both ends of a mapping.
func put(t *testing.T, node, fill string) {
	t.Helper()
	f, size := endsOf(t, node, os.O_RDWR)
	defer f.Close()
	data := pattern(fill)
	for at, piece := range map[int64][]byte{0: data[:edge], size - edge: data[edge:]} {
		if _, err := f.WriteAt(piece, at); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		t.Fatal(err)
	}
}

// expect reads a pattern from both ends.
func expect(t *testing.T, node, fill string) {
	t.Helper()
	f, size := endsOf(t, node, os.O_RDONLY)
	defer f.Close()
	data := make([]byte, 2*edge)
	for at, piece := range map[int64][]byte{0: data[:edge], size - edge: data[edge:]} {
		if _, err := f.ReadAt(piece, at); err != nil {
			t.Fatal(err)
		}
	}
	if !bytes.Equal(data, pattern(fill)) {
		t.Errorf("%s does not hold what was written as %q", node, fill)
	}
}

func endsOf(t *testing.T, node string, flags int) (*os.File, int64) {
	t.Helper()
	f, err := os.OpenFile(node, flags, 0)
	if err != nil {
		t.Fatal(err)
	}
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil || size < 2*edge {
		t.Fatalf("%s: %d bytes, %v", node, size, err)
	}
	return f, size
}

// tryBothWays is one cell of the matrix, one processor for each direction.
func tryBothWays(t *testing.T, c combination, detached bool) {
	// Two that ask for the same module at once may get ETIMEDOUT from a slow machine's kernel.
	for _, module := range []string{
		"loop", "dm-crypt", "aesni-intel", "xts", "cbc", "ecb", "essiv", "sha256_generic", "serpent_generic", "twofish_generic", "algif_skcipher",
	} {
		machine.LoadModule(t, module)
	}
	them := real(t, "bookworm")
	t.Run("made_by", func(t *testing.T) {
		for _, pair := range [][2]program{{ours(), them}, {them, ours()}} {
			t.Run(pair[0].name, func(t *testing.T) {
				t.Parallel()
				shareVolume(t, c, pair[0], pair[1])
				if detached {
					shareDetached(t, c, pair[0], pair[1])
				}
			})
		}
	})
}

// shareVolume: one formats, each adds a keyslot that the other opens, and data written through the
// mapping of one is read through that of the other.
func shareVolume(t *testing.T, c combination, maker, other program) {
	t.Helper()
	b := newBench(t)
	b.image("v.img", 4<<20)
	b.must(maker, append(c.format(), "v.img")...)
	b.must(other, c.addKey("k1", "k2", "v.img")...)
	b.must(maker, c.addKey("k2", "k3", "v.img")...)
	name := "made-by-" + maker.name
	node := b.open(maker, name, "--key-file", "k2", "v.img")
	put(t, node, "by "+maker.name)
	b.must(maker, "close", name)
	node = b.open(other, name, "--key-file", "k3", "v.img")
	expect(t, node, "by "+maker.name)
	b.must(other, "close", name)
}

// shareDetached is the same with the header in a file of its own.
func shareDetached(t *testing.T, c combination, maker, other program) {
	t.Helper()
	b := newBench(t)
	b.image("data.img", 1<<20)
	header := []string{"--header", "h.img"}
	b.must(maker, append(append(c.format(), header...), "data.img")...)
	name := "detached-by-" + maker.name
	node := b.open(other, name, append(header, "--key-file", "k1", "data.img")...)
	put(t, node, "detached by "+other.name)
	b.must(maker, "close", name)
	node = b.open(maker, name, append(header, "--key-file", "k1", "data.img")...)
	expect(t, node, "detached by "+other.name)
	b.must(other, "close", name)
}
