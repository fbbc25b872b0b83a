// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// Bytes of any place and length go to the disk and come back, past the page cache, and a second
// opener that goes through the page cache sees the same.
func TestDirectWritesOfAnyAlignmentReachTheDisk(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for name, sector := range map[string]int{"a": 512, "a4k": 4096} {
			d := opened(t, machine.DiskPath(t, name), block.ReadWrite|block.Direct|block.Exclusive)
			if !d.Direct() || d.LogicalSector() != sector || d.Size() != 128<<20 || !d.IsBlock() || d.ReadOnly() {
				t.Fatalf("%s: %+v", name, d)
			}
			model := marked(3 << 20)
			if _, err := d.WriteAt(model, 0); err != nil {
				t.Fatal(err)
			}
			random := rand.New(rand.NewPCG(1, uint64(sector)))
			for range 60 {
				off := random.IntN(len(model))
				n := random.IntN(min(len(model)-off, 20000))
				fill := bytes.Repeat([]byte{byte(random.Uint32())}, n)
				if got, err := d.WriteAt(fill, int64(off)); got != n || err != nil {
					t.Fatalf("%s: write %d at %d: %d, %v", name, n, off, got, err)
				}
				copy(model[off:], fill)
				part := make([]byte, n/2)
				if _, err := d.ReadAt(part, int64(off+n/3)); err != nil || !bytes.Equal(part, model[off+n/3:][:n/2]) {
					t.Fatalf("%s: read at %d: %v", name, off, err)
				}
			}
			if err := d.Sync(); err != nil {
				t.Fatal(err)
			}
			if cached := readCached(t, d.Path(), len(model)); !bytes.Equal(cached, model) {
				t.Errorf("%s: the page cache tells otherwise", name)
			}
		}
	})
}

func readCached(t *testing.T, path string, n int) []byte {
	t.Helper()
	p := make([]byte, n)
	if err := opened(t, path, 0).ReadFull(p, 0); err != nil {
		t.Fatal(err)
	}
	return p
}

func TestEndOfADevice(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for _, flags := range []block.Flags{block.ReadWrite, block.ReadWrite | block.Direct} {
			d := opened(t, machine.DiskPath(t, "a4k"), flags)
			p := make([]byte, 10000)
			if n, err := d.ReadAt(p, d.Size()-777); n != 777 || err != io.EOF {
				t.Errorf("across the end: %d, %v", n, err)
			}
			if n, err := d.ReadAt(p, d.Size()+5000); n != 0 || err != io.EOF {
				t.Errorf("past the end: %d, %v", n, err)
			}
			if n, err := d.WriteAt(p, d.Size()-777); n != 0 || !errors.Is(err, block.ErrBeyondEnd) {
				t.Errorf("write across the end: %d, %v", n, err)
			}
			if n, err := d.WriteAt(p[:777], d.Size()-777); n != 777 || err != nil {
				t.Errorf("write up to the end: %d, %v", n, err)
			}
			if err := d.Sync(); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestUnreadableSectorsAreNamed(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		d := opened(t, withHoles(t, 0, 5, 6, 100, 2047), block.ReadWrite|block.Direct)
		p := make([]byte, 8192)
		n, err := d.ReadAt(p, 600) // the kernel fails the whole request
		failed := asIOError(t, err)
		if n != 0 || failed.Offset > 5*512 || failed.Offset+failed.Length < 6*512 || !errors.Is(err, unix.EIO) {
			t.Errorf("ReadAt: %d, %v", n, err)
		}
		var bad []string
		whole := make([]byte, mib+512)
		n, err = d.ReadAround(whole, 0, func(off, n int64, err error) {
			bad = append(bad, fmt.Sprintf("%d+%d %v", off/512, n/512, errors.Is(err, unix.EIO)))
		})
		if n != mib || err != io.EOF || fmt.Sprint(bad) != "[0+1 true 5+2 true 100+1 true 2047+1 true]" {
			t.Errorf("ReadAround: %d, %v, %v", n, err, bad)
		}
		want := marked(mib)
		for _, sector := range []int{0, 5, 6, 100, 2047} {
			clear(want[sector*512 : sector*512+512])
		}
		if !bytes.Equal(whole[:mib], want) {
			t.Error("the sectors around differ")
		}
	})
}

func TestFailedWriteAndFailedSyncAreErrors(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		node := withHoles(t, 64)
		direct := opened(t, node, block.ReadWrite|block.Direct)
		if _, err := direct.WriteAt(make([]byte, 512), 64*512); !errors.Is(err, unix.EIO) {
			t.Errorf("direct write: %v", err)
		}
		if err := direct.ZeroRange(60*512, 4096); !errors.Is(err, unix.EIO) || asIOError(t, err).Op != "zero" {
			t.Errorf("zeroing: %v", err)
		}
		cached := opened(t, node, block.ReadWrite)
		// A whole page, so that none of it has to be read first.
		if _, err := cached.WriteAt(make([]byte, 4096), 64*512); err != nil {
			t.Fatalf("a write into the page cache: %v", err)
		}
		if err := cached.Sync(); !errors.Is(err, unix.EIO) || asIOError(t, err).Op != "sync" {
			t.Errorf("sync: %v", err)
		}
	})
}

func TestZeroRangeLeavesTheNeighboursAlone(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for name, flags := range map[string]block.Flags{"a": block.ReadWrite, "a4k": block.ReadWrite | block.Direct} {
			d, want := opened(t, machine.DiskPath(t, name), flags), marked(2*mib)
			if _, err := d.WriteAt(want, 0); err != nil {
				t.Fatal(err)
			}
			for _, r := range [][2]int64{{4096, 8192}, {100_001, 700_003}, {999_999, 10}} {
				if err := d.ZeroRange(r[0], r[1]); err != nil {
					t.Fatal(err)
				}
				clear(want[r[0] : r[0]+r[1]])
			}
			if err := d.FlushBuffers(); err != nil {
				t.Fatal(err)
			}
			if got := readAt(t, d.Path(), len(want)); !bytes.Equal(got, want) {
				t.Errorf("%s: bytes differ", name)
			}
		}
	})
}

// What another opener wrote past the page cache underneath, into the file of a loop device, is
// seen after Sync for what this opener wrote and after FlushBuffers for everything.
func TestReadBackComesFromTheMedium(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		loop, file := loopOver(t, mib, block.LoopOptions{})
		d := opened(t, loop.Path, block.ReadWrite)
		head := make([]byte, 4096)
		if err := errors.Join(d.ReadFull(head, 0), second(d.WriteAt(marked(4096), 8192)), d.Sync()); err != nil {
			t.Fatal(err)
		}
		under := opened(t, file, block.ReadWrite)
		lost := bytes.Repeat([]byte("lost"), 1024)
		if err := errors.Join(second(under.WriteAt(lost, 0)), second(under.WriteAt(lost, 8192)), under.Sync()); err != nil {
			t.Fatal(err)
		}
		if err := d.ReadFull(head, 8192); err != nil || !bytes.Equal(head, lost) {
			t.Errorf("written and synced, the page cache still answers: %v", err)
		}
		if err := d.FlushBuffers(); err != nil {
			t.Fatal(err)
		}
		if err := d.ReadFull(head, 0); err != nil || !bytes.Equal(head, lost) {
			t.Errorf("flushed, the page cache still answers: %v", err)
		}
	})
}

func TestOpenTellsWhyNot(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		loop, _ := loopOver(t, mib, block.LoopOptions{ReadOnly: true})
		if _, err := block.Open(loop.Path, block.ReadWrite); !errors.Is(err, block.ErrReadOnly) {
			t.Errorf("write-protected device: %v", err)
		}
		if shape, err := opened(t, loop.Path, block.Direct).Topology(); err != nil || !shape.ReadOnly {
			t.Errorf("%+v, %v", shape, err)
		}
		first := opened(t, machine.DiskPath(t, "b"), block.Exclusive)
		if _, err := block.Open(first.Path(), block.Exclusive|block.ReadWrite); !errors.Is(err, block.ErrBusy) {
			t.Errorf("held device: %v", err)
		}
		opened(t, first.Path(), 0)
		gone := "/dev/gone"
		if err := unix.Mknod(gone, unix.S_IFBLK|0o600, int(unix.Mkdev(240, 77))); err != nil {
			t.Fatal(err)
		}
		defer os.Remove(gone)
		if _, err := block.Open(gone, 0); err == nil {
			t.Error("a node without a device opened")
		}
		if _, err := block.Open("/dev/null", 0); !errors.Is(err, block.ErrNotBlock) {
			t.Errorf("/dev/null: %v", err)
		}
	})
}

func TestPulledDiskGivesErrorsNotAbsence(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		path := machine.Plug(t, machine.Disk{Name: "pulled", Size: 8 << 20})
		d := opened(t, path, block.ReadWrite|block.Direct)
		seq := diskSeq(t, d)
		if _, err := d.WriteAt(marked(4096), 4096); err != nil {
			t.Fatal(err)
		}
		machine.Unplug(t, "pulled")
		machine.Eventually(t, 10*time.Second, "the node goes", func() bool {
			_, err := os.Stat(path)
			return errors.Is(err, fs.ErrNotExist)
		})
		p := make([]byte, 4096)
		if n, err := d.ReadAt(p, 4096); err == nil || n == len(p) {
			t.Errorf("read: %d, %v", n, err)
		}
		if _, err := d.WriteAt(p, 4096); err == nil {
			t.Error("write to a pulled disk succeeded")
		}
		again := opened(t, machine.Plug(t, machine.Disk{Name: "pulled", Size: 8 << 20}), 0)
		if err := again.ReadFull(p, 4096); err != nil || !bytes.Equal(p, marked(4096)) {
			t.Errorf("put back: %v", err)
		}
		if now := diskSeq(t, again); now <= seq {
			t.Errorf("sequence number %d after %d", now, seq)
		}
	})
}

func diskSeq(t *testing.T, d *block.Device) uint64 {
	t.Helper()
	shape, err := d.Topology()
	if err != nil {
		t.Fatal(err)
	}
	return shape.DiskSeq
}
