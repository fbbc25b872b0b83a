// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
	"github.com/orthrus-luks/orthrus/test/fvault2image"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// fvault2Kinds are openings of a volume.
var fvault2Kinds = []struct {
	name, args string
	o          fvault2image.Options
	trixie     bool // 2.6.1 does the same, and is left out
}{
	{"by a passphrase", "--key-file passphrase", fvault2image.Options{}, false},
	{"read-only", "--readonly --key-file passphrase", fvault2image.Options{}, true},
	{"with discards", "--allow-discards --key-file passphrase", fvault2image.Options{}, true},
	{"of several generations", "--key-file passphrase", fvault2image.Options{Transactions: [4]uint64{4, 3, 2, 1}}, true},
}

// TestFileVaultMappingsAreThoseOfCryptsetup: the kernel decrypts each sector as user space does and as the test wrote
// it, by a table that is cryptsetup's; what the kernel encrypts, user space reads; each closes what the other opened.
func TestFileVaultMappingsAreThoseOfCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		disk := machine.Plug(t, machine.Disk{Name: "locked", Size: fvault2image.Size})
		t.Cleanup(func() { machine.Unplug(t, "locked") })
		equal := 0
		for _, kind := range fvault2Kinds {
			passed := t.Run(kind.name, func(t *testing.T) {
				b, o := newBench(t), kind.o
				o.Passphrase = "secret"
				im := fvault2image.Make(o)
				b.write("passphrase", []byte(o.Passphrase))
				b.write("volume-key", im.VolumeKey)
				b.fill(disk, im.Bytes)
				args := words("--type fvault2 " + kind.args + " " + disk)
				peers := []program{real(t, "bookworm"), real(t, "trixie")}
				if kind.trixie {
					peers = peers[1:]
				}
				for _, them := range peers {
					seen := b.fvault2Seen(ours(), them, im, args...)
					if other := b.fvault2Seen(them, ours(), im, args...); seen != other {
						t.Errorf("orthrus    %+v\ncryptsetup %+v", seen, other)
					}
				}
				if !strings.Contains(kind.args, "readonly") {
					b.fvault2Writes(disk, im, args...)
				}
			})
			if passed {
				equal++
			}
		}
		b := newBench(t)
		im := fvault2image.Make(fvault2image.Options{})
		b.fill(disk, im.Bytes)
		b.write("volume-key", im.VolumeKey)
		b.write("wrong-key", append([]byte{im.VolumeKey[0] ^ 1}, im.VolumeKey[1:]...))
		b.fvault2Seen(ours(), ours(), im, words("--type fvault2 --volume-key-file volume-key "+disk)...)
		b.refuses(ours(), 2, "olume key", words("open --type fvault2 --volume-key-file wrong-key "+disk+" tab")...)
		b.exits(ours(), 4, "status", "tab")
		fmt.Printf("FileVault 2: %d of %d kinds of opening are mapped as by cryptsetup, and read and written alike\n",
			equal, len(fvault2Kinds))
	})
}

// fill writes all of a disk.
func (b *bench) fill(disk string, p []byte) {
	b.t.Helper()
	if err := os.WriteFile(disk, p, 0); err != nil {
		b.t.Fatal(err)
	}
	b.must(program{"blockdev", "blockdev"}, "--flushbufs", disk)
}

// fvault2Seen maps by a program, reads every sector, asks for the status, and has another remove it.
func (b *bench) fvault2Seen(p, removes program, im *fvault2image.Image, args ...string) mapped {
	b.t.Helper()
	node := b.open(p, "tab", args...)
	got, err := os.ReadFile(node)
	if err != nil || !bytes.Equal(got, im.Plain) {
		b.t.Errorf("%s: %d bytes that are not those that were written, %v", p.name, len(got), err)
	}
	seen := lookAt(b.t, "tab")
	one, other := b.must(ours(), "status", "tab"), b.must(real(b.t, "trixie"), "status", "tab")
	if plainStatus(one) != plainStatus(other) || !strings.Contains(one, "FVAULT2") {
		b.t.Errorf("status:\n%s\ncryptsetup's:\n%s", one, other)
	}
	for _, verb := range []string{"resize", "refresh", "luksSuspend"} {
		b.refuses(ours(), 1, "is not a mapping that this program can change", verb, "tab")
	}
	b.must(removes, "close", "tab")
	b.exits(ours(), 4, "status", "tab")
	return seen
}

// fvault2Writes: what is written through the mapping is read by user space, and all else is as it was.
func (b *bench) fvault2Writes(disk string, im *fvault2image.Image, args ...string) {
	b.t.Helper()
	check := func(err error) {
		b.t.Helper()
		if err != nil {
			b.t.Fatal(err)
		}
	}
	node := b.open(ours(), "tab", args...)
	f, err := os.OpenFile(node, os.O_RDWR, 0)
	check(err)
	defer f.Close()
	want := bytes.Clone(im.Plain)
	for _, at := range []int64{0, 64 << 10, fvault2image.DataSize - 4096} {
		copy(want[at:at+4096], pattern("through the kernel"))
		_, err := f.WriteAt(want[at:at+4096], at)
		check(err)
	}
	check(f.Sync())
	check(f.Close())
	b.must(ours(), "close", "tab")
	b.must(program{"blockdev", "blockdev"}, "--flushbufs", disk)
	d, err := os.Open(disk)
	check(err)
	defer d.Close()
	v, err := fvault2.Load(d, fvault2image.Size)
	check(err)
	key, err := v.Unlock(b.t.Context(), []byte("secret"))
	check(err)
	defer key.Close()
	p, err := v.Plaintext(d, key)
	check(err)
	defer p.Close()
	got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	check(err)
	if !bytes.Equal(got, want) {
		b.t.Error("user space reads something else than was written through the kernel")
	}
}
