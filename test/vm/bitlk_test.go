// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
	"github.com/orthrus-luks/orthrus/test/bitlkimage"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// bitlkSize is of the volumes, bytes: a disk that is exactly as large.
const bitlkSize = 1 << 20

// bitlkKinds are the volumes, and how the first line of crypt of each begins after its place.
var bitlkKinds = []struct {
	name   string
	method uint16
	sector int
	cipher string
}{
	{"CBC with Elephant, 128", 0x8000, 512, "aes-cbc-elephant"},
	{"CBC with Elephant, 256", 0x8001, 512, "aes-cbc-elephant"},
	{"CBC, 128", 0x8002, 512, "aes-cbc-eboiv"},
	{"CBC, 256", 0x8003, 512, "aes-cbc-eboiv"},
	{"XTS, 128", 0x8004, 512, "aes-xts-plain64"},
	{"XTS, 256", 0x8005, 512, "aes-xts-plain64"},
	{"XTS, 128, large sectors", 0x8004, 4096, "aes-xts-plain64"},
	{"CBC with Elephant, 128, large sectors", 0x8000, 4096, "aes-cbc-elephant"},
}

// TestBitLockerMappingsAreThoseOfCryptsetup: the kernel decrypts each sector as user space does and as the test wrote
// it, by a table that is cryptsetup's; and what the kernel encrypts, user space reads. A startup key opens the volumes:
// a passphrase is hashed a million times, which takes an emulated processor minutes.
func TestBitLockerMappingsAreThoseOfCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		disk := machine.Plug(t, machine.Disk{Name: "locked", Size: bitlkSize})
		t.Cleanup(func() { machine.Unplug(t, "locked") })
		them, equal := real(t, "trixie"), 0
		for _, kind := range bitlkKinds {
			passed := t.Run(kind.name, func(t *testing.T) {
				b := newBench(t)
				im := bitlkimage.Make(bitlkimage.Options{
					Method: kind.method, SectorSize: kind.sector, Size: bitlkSize, Startup: true,
				})
				b.write("key", im.BEK)
				b.lock(disk, im)
				seen := b.bitlkSeen(ours(), disk, im)
				if other := b.bitlkSeen(them, disk, im); seen != other {
					t.Errorf("orthrus    %+v\ncryptsetup %+v", seen, other)
				}
				if !strings.Contains(seen.table, " crypt "+kind.cipher+" ") {
					t.Errorf("no %s in %s", kind.cipher, seen.table)
				}
				b.bitlkWrites(disk, im)
			})
			if passed {
				equal++
			}
		}
		fmt.Printf("BitLocker: %d of %d kinds of volume are mapped as by cryptsetup, and read and written alike\n",
			equal, len(bitlkKinds))
	})
}

// lock puts the volume onto the disk.
func (b *bench) lock(disk string, im *bitlkimage.Image) {
	b.t.Helper()
	if err := os.WriteFile(disk, im.Bytes, 0); err != nil {
		b.t.Fatal(err)
	}
	b.must(program{"blockdev", "blockdev"}, "--flushbufs", disk)
}

// bitlkSeen maps by a program, reads every sector, and asks for the status.
func (b *bench) bitlkSeen(p program, disk string, im *bitlkimage.Image) mapped {
	b.t.Helper()
	node := b.open(p, "tab", "--type", "bitlk", "--readonly", "--key-file", "key", disk)
	got, err := os.ReadFile(node)
	if err != nil || len(got) != bitlkSize {
		b.t.Fatalf("%s: %d bytes, %v", p.name, len(got), err)
	}
	for at := 0; at < bitlkSize; at += 512 {
		if !bytes.Equal(got[at:at+512], im.Plain[at:at+512]) {
			b.t.Errorf("%s: sector %d differs", p.name, at/512)
			break
		}
	}
	seen := lookAt(b.t, "tab")
	one, other := b.must(ours(), "status", "tab"), b.must(real(b.t, "trixie"), "status", "tab")
	// Theirs says 512 of every BitLocker volume.
	other = strings.Replace(other, "sector size:  512", fmt.Sprintf("sector size:  %d", im.SectorSize), 1)
	if plainStatus(one) != plainStatus(other) || !strings.Contains(one, "BITLK") {
		b.t.Errorf("status:\n%s\ncryptsetup's:\n%s", one, other)
	}
	for _, verb := range []string{"resize", "refresh", "luksSuspend"} {
		b.refuses(ours(), 1, "is not a mapping that this program can change", verb, "tab")
	}
	b.must(p, "close", "tab")
	b.exits(ours(), 4, "status", "tab")
	return seen
}

// bitlkWrites: what is written through the mapping is read by user space, and all else is as it was.
func (b *bench) bitlkWrites(disk string, im *bitlkimage.Image) {
	b.t.Helper()
	want := bytes.Clone(im.Plain)
	node := b.open(ours(), "tab", "--type", "bitlk", "--key-file", "key", disk)
	f, err := os.OpenFile(node, os.O_RDWR, 0)
	if err != nil {
		b.t.Fatal(err)
	}
	defer f.Close()
	// The first sectors lie elsewhere, the others where they are shown.
	for _, at := range []int64{4096, 64 << 10, bitlkSize - 4096} {
		copy(want[at:at+4096], pattern("through the kernel"))
		if _, err := f.WriteAt(want[at:at+4096], at); err != nil {
			b.t.Fatal(err)
		}
	}
	if err := f.Sync(); err != nil {
		b.t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		b.t.Fatal(err)
	}
	b.must(ours(), "close", "tab")
	if got := bitlkPlain(b.t, disk, im); !bytes.Equal(got, want) {
		b.t.Error("user space reads something else than was written through the kernel")
	}
}

// bitlkPlain is what user space reads of the volume.
func bitlkPlain(t *testing.T, disk string, im *bitlkimage.Image) []byte {
	t.Helper()
	f, err := os.Open(disk)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	v, err := bitlk.Load(f, bitlkSize)
	if err != nil {
		t.Fatal(err)
	}
	key, err := v.Unlock(context.Background(), im.BEK)
	if err != nil {
		t.Fatal(err)
	}
	defer key.Close()
	p, err := v.Plaintext(f, key)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	got, err := io.ReadAll(io.NewSectionReader(p, 0, p.Size()))
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// A kernel that lacks the target for the places of the metadata is told of, and nothing is left mapped.
func TestBitLockerNeedsWhatTheKernelLacks(t *testing.T) {
	cfg := config()
	cfg.Modules, cfg.Disks = []string{"dm-mod", "dm-crypt", "aesni-intel", "xts", "ecb"}, []machine.Disk{{Name: "a", Size: bitlkSize}}
	vm := machine.Boot(t, cfg)
	vm.Step(t, "without dm-zero", func(t *testing.T) {
		b := newBench(t)
		disk := machine.DiskPath(t, "a")
		b.lock(disk, bitlkimage.Make(bitlkimage.Options{Size: bitlkSize, ClearKey: true}))
		b.refuses(ours(), 1, "module dm_zero missing", words("open --type bitlk "+disk+" tab")...)
		b.exits(ours(), 4, "status", "tab")
	})
}
