// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/foreign/loopaes"
	"github.com/orthrus-luks/orthrus/luks/foreign/span"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// loopAESSize is of the volumes, bytes.
const loopAESSize = 1 << 20

// loopAESKinds are openings of a volume, and what their table must have.
var loopAESKinds = []struct {
	name, args string
	lines      int
	hash       string
	size       int // of a key, bytes
	offset     uint64
	skip       uint64
	table      string
}{
	{"version 1", "", 1, "sha512", 32, 0, 0, " crypt aes-cbc-plain64 "},
	{"version 2", "", 64, "sha512", 32, 0, 0, " crypt aes:64-cbc-lmk "},
	{"version 3", "", 65, "sha512", 32, 0, 0, " crypt aes:64-cbc-lmk "},
	{"version 2, 128 bits", "-s 128", 64, "sha256", 16, 0, 0, " crypt aes:64-cbc-lmk "},
	{"version 3, 192 bits, at an offset", "-s 192 --offset 24", 65, "sha384", 24, 24, 24, " 24 "},
	{"version 3, counted from elsewhere", "--offset 8 --skip 100", 65, "sha512", 32, 8, 100, " 100 "},
	{"version 3, counted from the start", "--offset 8 --skip 0", 65, "sha512", 32, 8, 0, " 0 "},
	{"version 1, another hash", "--hash sha256 --allow-discards", 1, "sha256", 32, 0, 0, " allow_discards"},
	{"version 3, another cipher", "--cipher serpent", 65, "sha512", 32, 0, 0, " crypt serpent:64-cbc-lmk "},
}

func loopAESFile(lines int) []byte {
	var b bytes.Buffer
	for i := range lines {
		fmt.Fprintf(&b, "line %03d of the key file\n", i)
	}
	return b.Bytes()
}

// TestLoopAESMappingsAreThoseOfCryptsetup: what is written through one's mapping the other's shows, by equal tables,
// and user space reads it; each closes what the other opened.
func TestLoopAESMappingsAreThoseOfCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		disk := machine.Plug(t, machine.Disk{Name: "locked", Size: loopAESSize})
		t.Cleanup(func() { machine.Unplug(t, "locked") })
		equal := 0
		for _, kind := range loopAESKinds {
			passed := t.Run(kind.name, func(t *testing.T) {
				b := newBench(t)
				b.write("key", loopAESFile(kind.lines))
				args := words("--type loopaes --key-file key " + kind.args + " " + disk)
				for _, release := range []string{"bookworm", "trixie"} {
					them := real(t, release)
					for _, pair := range [][2]program{{ours(), them}, {them, ours()}} {
						want := b.loopAESWritten(pair[0], pair[0].name+release, args...)
						table := lookAt(t, "tab")
						if !strings.Contains(table.table, kind.table) {
							t.Errorf("no %q in %s", kind.table, table.table)
						}
						b.loopAESStatus(them)
						b.must(pair[1], "close", "tab")
						node := b.open(pair[1], "tab", args...)
						if other := lookAt(t, "tab"); other != table {
							t.Errorf("%s: %+v\n%s: %+v", pair[0].name, table, pair[1].name, other)
						}
						got, err := os.ReadFile(node)
						if err != nil || !bytes.Equal(got, want) {
							t.Errorf("%s reads something else than %s wrote: %v", pair[1].name, pair[0].name, err)
						}
						b.must(pair[0], "close", "tab")
						s := span.Segment{Offset: kind.offset, IVOffset: kind.skip, Length: uint64(len(want) / 512)}
						base, _, _ := strings.Cut(strings.Fields(table.table)[3], "-")
						base, _, _ = strings.Cut(base, ":")
						if got := b.loopAESPlain(disk, kind.hash, kind.size, base, s); !bytes.Equal(got, want) {
							t.Errorf("user space reads something else than %s wrote", pair[0].name)
						}
					}
				}
			})
			if passed {
				equal++
			}
		}
		fmt.Printf("loop-AES: %d of %d kinds of volume are mapped as by cryptsetup, written and read by each and in user space\n",
			equal, len(loopAESKinds))
	})
}

// loopAESWritten maps by a program, writes all, and leaves the mapping.
func (b *bench) loopAESWritten(p program, fill string, args ...string) []byte {
	b.t.Helper()
	node := b.open(p, "tab", args...)
	f, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	size, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		b.t.Fatal(err)
	}
	data := bytes.Repeat(pattern(fill), loopAESSize/(2*edge))[:size]
	if _, err = f.WriteAt(data, 0); err == nil {
		err = f.Sync()
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return data
}

func (b *bench) loopAESStatus(them program) {
	b.t.Helper()
	one, other := b.must(ours(), "status", "tab"), b.must(them, "status", "tab")
	if plainStatus(one) != plainStatus(other) || !strings.Contains(one, "LOOPAES") {
		b.t.Errorf("status:\n%s\nof %s:\n%s", one, them.name, other)
	}
	for _, verb := range []string{"resize", "refresh", "luksSuspend"} {
		b.refuses(ours(), 1, "is not a mapping that this program can change", verb, "tab")
	}
}

func (b *bench) loopAESPlain(disk, hash string, size int, base string, s span.Segment) []byte {
	b.t.Helper()
	b.must(program{"blockdev", "blockdev"}, "--flushbufs", disk)
	f, err := os.Open(disk)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	file, err := os.ReadFile(b.path("key"))
	if err != nil {
		b.t.Fatal(err)
	}
	k, err := loopaes.Parse(file, hash, size)
	if err != nil {
		b.t.Fatal(err)
	}
	defer k.Close()
	p, err := k.Plaintext(f, base, s)
	if err != nil {
		b.t.Fatal(err)
	}
	defer p.Close()
	got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	if err != nil {
		b.t.Fatal(err)
	}
	return got
}

// TestLoopAESKeyFilesAreRefusedAsByCryptsetup: by one exit code and the same lines, and nothing is mapped.
func TestLoopAESKeyFilesAreRefusedAsByCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		disk := machine.Plug(t, machine.Disk{Name: "locked", Size: loopAESSize})
		t.Cleanup(func() { machine.Unplug(t, "locked") })
		b := newBench(t)
		open := bytes.TrimRight(loopAESFile(64), "\n")
		for name, file := range map[string][]byte{
			"two": loopAESFile(2), "63": loopAESFile(63), "66": loopAESFile(66), "open": open, "none": []byte("\n"),
			"blank": append([]byte("\n"), loopAESFile(64)...), "uneven": append(loopAESFile(63), "short\n"...),
			"gpg": []byte("-----BEGIN PGP MESSAGE-----\n\nabc\n"),
		} {
			b.write(name, file)
			for _, release := range []string{"bookworm", "trixie"} {
				args := words("open --type loopaes --key-file " + name + " " + disk + " tab")
				one, other := b.run(ours(), args...), b.run(real(t, release), args...)
				if one.code != other.code || one.code == 0 || name != "gpg" && one.stderr != other.stderr {
					t.Errorf("%s: orthrus %d %q, %s %d %q", name, one.code, one.stderr, release, other.code, other.stderr)
				}
				b.exits(ours(), 4, "status", "tab")
			}
		}
	})
}
