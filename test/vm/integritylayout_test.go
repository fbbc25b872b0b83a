// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"context"
	"flag"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// The drawn matrix of integrity layouts: how many, and from which seed on.
var (
	integrityLayouts = flag.Int("integrity-layouts", 100, "layouts of integrity devices to draw")
	integrityFrom    = flag.Uint64("integrity-from", 0, "seed of the first one")
)

// drawnLayout is a device that the kernel formats, and that ours lays out.
type drawnLayout struct {
	params     integrity.Params
	hash       string
	keys       integrity.JournalKeys
	data, meta uint64 // sectors
	mode       byte
}

func draw[T any](r *rand.Rand, of ...T) T { return of[r.IntN(len(of))] }

func drawLayout(t *testing.T, r *rand.Rand) *drawnLayout {
	t.Helper()
	d := &drawnLayout{
		hash: draw(r, "crc32c", "crc32c", "sha256", "sha1"), mode: draw[byte](r, 'J', 'J', 'D', 'B'),
		data: draw[uint64](r, 1024, 2048, 8192, 65536, 1<<20, 1<<22) + uint64(r.IntN(1024)),
	}
	d.params = integrity.Params{
		TagSize:           draw(r, 4, 4, 8, 16, 20, 28, 31, 32, 48, 64, 1+r.IntN(128)),
		BlockSize:         draw(r, 512, 512, 1024, 2048, 4096),
		JournalSectors:    draw(r, 0, 0, 1, 176, 2000, uint64(1+r.IntN(40000))),
		InterleaveSectors: draw(r, 0, 0, 1, 8, 64, 256, 1000, 32768, uint32(1+r.IntN(1<<20))),
		BufferSectors:     draw[uint32](r, 0, 0, 1, 8, 128, 1000, 65536), InternalHash: r.IntN(5) != 0,
		FixPadding: r.IntN(6) != 0, FixHMAC: r.IntN(6) != 0, JournalMAC: r.IntN(4) == 0, Separate: r.IntN(5) == 0,
	}
	if d.mode == 'B' {
		d.params.InternalHash = true // the kernel has no bitmap without
	}
	d.meta = d.data
	if d.params.Separate {
		d.meta = draw[uint64](r, 64, 256, 1024, 8192, 65536) + uint64(r.IntN(512))
	}
	if d.params.JournalMAC {
		d.keys.MAC = drawnKey(t, "hmac(sha256)")
	}
	if r.IntN(6) == 0 {
		d.keys.Crypt = drawnKey(t, draw(r, "ctr(aes)", "cbc(aes)"))
	}
	return d
}

func drawnKey(t *testing.T, name string) *integrity.Algorithm {
	t.Helper()
	key, err := secret.From(bytes.Repeat([]byte{0x5a}, 32))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { key.Close() })
	return &integrity.Algorithm{Name: name, Key: key}
}

// loopOf is a loop device over a new sparse file.
func loopOf(t *testing.T, path string, sectors uint64) *block.Loop {
	t.Helper()
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(sectors)*512); err != nil {
		t.Fatal(err)
	}
	loop, err := block.AttachLoop(path, block.LoopOptions{AutoClear: true})
	if err != nil {
		t.Fatal(err)
	}
	return loop
}

func keyedOf(a *integrity.Algorithm) target.KeyedAlgorithm {
	if a == nil {
		return target.KeyedAlgorithm{}
	}
	return target.KeyedAlgorithm{Algorithm: a.Name, Key: a.Key}
}

// table is the layout in the words in which the kernel is asked to format it.
func (d *drawnLayout) table(data, meta string) *target.Integrity {
	p := &d.params
	line := &target.Integrity{
		Length: 8, Device: data, TagSize: uint32(p.TagSize), Mode: d.mode, BlockSize: uint32(p.BlockSize),
		JournalSectors: uint32(p.JournalSectors), InterleaveSectors: p.InterleaveSectors,
		BufferSectors: p.BufferSectors, JournalMAC: keyedOf(d.keys.MAC), JournalCrypt: keyedOf(d.keys.Crypt),
	}
	if p.Separate {
		line.MetaDevice = meta
	}
	if p.InternalHash {
		line.InternalHash.Algorithm = d.hash
	}
	if p.FixPadding {
		line.Flags |= target.FixPadding
	}
	if p.FixHMAC {
		line.Flags |= target.FixHMAC
	}
	return line
}

// byKernel has the kernel format the device; refused tells that it did not.
func (d *drawnLayout) byKernel(t *testing.T, c *dm.Control, dir string) (meta []byte, refused error) {
	t.Helper()
	file := filepath.Join(dir, "meta")
	loop := loopOf(t, file, d.meta)
	defer loop.Close()
	data := loop
	if d.params.Separate {
		data = loopOf(t, filepath.Join(dir, "data"), d.data)
		defer data.Close()
	}
	name := freshName()
	_, err := c.Activate(t.Context(), dm.Plan{Name: name, Table: dm.Table{d.table(data.Path, loop.Path)}})
	if err != nil {
		return nil, err
	}
	if _, err := c.Remove(t.Context(), name, dm.RemoveOptions{Retry: 5e9}); err != nil {
		t.Fatal(err)
	}
	loop.Close()
	return d.read(t, file), nil
}

// wholeUpTo is how long a device is compared as a whole, sectors; of longer ones the superblock is.
const wholeUpTo = 1 << 17

func (d *drawnLayout) read(t *testing.T, path string) []byte {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	raw := make([]byte, 512*integrity.SuperblockSectors)
	if d.meta <= wholeUpTo {
		raw = make([]byte, d.meta*512)
	}
	if _, err := io.ReadFull(file, raw); err != nil {
		t.Fatal(err)
	}
	return raw
}

// memoryDevice is a device in memory.
type memoryDevice []byte

func (m memoryDevice) WriteAt(p []byte, off int64) (int, error) { return copy(m[off:], p), nil }
func (m memoryDevice) Sync() error                              { return nil }

// Every layout that the kernel makes is ours byte for byte, but for the salt, which is taken from it; what it refuses
// is refused.
func TestIntegrityLayoutsAreTheKernels(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		integritysetups(t)
		c := mapper(t)
		dir := t.TempDir()
		made, refused := 0, 0
		for i := range *integrityLayouts {
			d := drawLayout(t, rand.New(rand.NewPCG(*integrityFrom+uint64(i), 21)))
			want, err := d.byKernel(t, c, dir)
			layout, planned := d.params.Plan(d.data, d.meta)
			if (err != nil) != (planned != nil) {
				t.Errorf("%d: %+v: the kernel: %v, ours: %v", i, d, err, planned)
				continue
			}
			if err != nil {
				refused++
				continue
			}
			made++
			d.compare(t, i, layout, want)
		}
		t.Logf("%d layouts equal, %d refused by both", made, refused)
	})
}

func (d *drawnLayout) compare(t *testing.T, number int, l *integrity.Layout, want []byte) {
	t.Helper()
	sb, err := integrity.ParseSuperblock(want)
	if err != nil {
		t.Errorf("%d: %v", number, err)
		return
	}
	l.Salt = sb.Salt
	if d.mode == 'B' { // the kernel has used its bitmap, written the bits' size, and left the version that needs
		sb.Log2BlocksPerBit, sb.Version = l.Log2BlocksPerBit, l.Version
	}
	if *sb != l.Superblock {
		t.Errorf("%d: %+v:\nthe kernel %+v\nours       %+v", number, d, *sb, l.Superblock)
		return
	}
	if d.meta > wholeUpTo {
		return
	}
	got := make(memoryDevice, len(want))
	f := integrity.Format{Layout: l, Data: got, Meta: got, Keys: d.keys}
	if err := f.Run(context.Background()); err != nil {
		t.Errorf("%d: %+v: %v", number, d, err)
		return
	}
	for at := range want {
		if want[at] != got[at] && !(d.mode == 'B' && at < 4096) {
			t.Errorf("%d: %+v: byte %d is %#x, ours %#x", number, d, at, want[at], got[at])
			return
		}
	}
}
