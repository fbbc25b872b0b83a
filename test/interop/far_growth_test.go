// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"bytes"
	"context"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/part"
)

const grownImage = 60 << 20

// resize gives a.img another size; what is cut off is gone.
func (b *farBed) resize(size int64) {
	b.t.Helper()
	if err := os.Truncate(b.path("a.img"), size); err != nil {
		b.t.Fatal(err)
	}
}

// written fills the data up to the far header, and returns them.
func (b *farBed) written() []byte {
	b.t.Helper()
	b.locate()
	p := bytes.Repeat([]byte("seventeen bytes. "), int(b.body-farData)/17+1)[:b.body-farData]
	b.patch(farData, p)
	return p
}

// kept runs everything that could write to a far header, whatever it comes to, and wants the data as they were.
func (b *farBed) kept(data []byte) {
	b.t.Helper()
	for _, line := range []string{
		"far status a.img", "check a.img", "open --test-passphrase --key-file k1 a.img", "far sync a.img", "grow a.img", "repair -q a.img",
		"config --label x a.img", "luksAddKey -q --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file k1 a.img k2", "grow a.img", "far sync a.img",
	} {
		b.run(bench.ours, words(line)...)
		if got := b.read("a.img")[farData : farData+len(data)]; !bytes.Equal(got, data) {
			b.t.Fatalf("%s changed the data", line)
		}
	}
	b.must(bench.ours, words("open --test-passphrase a.img --key-file k1")...)
	b.must(bench.ours, words("open --test-passphrase a.img --key-file k2")...)
}

func TestHeaderFromBeforeAGrowthKeepsEveryByteOfTheData(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		b.must(peer, words("luksHeaderBackup --header-backup-file backup a.img")...)
		b.resize(grownImage)
		b.must(bench.ours, words("grow a.img")...)
		data := b.written()
		b.must(peer, words("luksHeaderRestore -q --header-backup-file backup a.img")...)
		b.kept(data)
	})
}

// errCut ends a run in the middle.
var errCut = errors.New("cut off")

// cut is a device that fails for good after so many writes.
type cut struct {
	*luks.File
	left int
}

func (d *cut) WriteAt(p []byte, off int64) (int, error) {
	if d.left--; d.left < 0 {
		return 0, errCut
	}
	return d.File.WriteAt(p, off)
}

// growUntil grows a.img with a library whose disk fails after so many writes; whole tells that it did not.
func (b *farBed) growUntil(writes int) (whole bool) {
	b.t.Helper()
	file, err := luks.OpenDevice(b.path("a.img"), luks.DeviceOptions{Write: true})
	if err != nil {
		b.t.Fatal(err)
	}
	defer file.Close()
	ctx := context.Background()
	v, err := luks.Load(ctx, &cut{file, writes})
	if err == nil {
		err = v.Grow(ctx, luks.GrowOptions{})
	}
	if err != nil && !errors.Is(err, errCut) {
		b.t.Fatal(err)
	}
	return err == nil
}

// A backup that was taken while a growth was under way names places that have become data since.
func TestHeaderFromTheMiddleOfAGrowthKeepsEveryByteOfTheData(t *testing.T) {
	t.Parallel()
	stride, tried, writes := 5, 0, 1
	if part.Whole() {
		stride = 1
	}
	for whole := false; !whole; writes += stride {
		tried++
		b := newFarBed(t)
		b.resize(grownImage)
		whole = b.growUntil(writes)
		b.must(bench.bookworm, words("luksHeaderBackup --header-backup-file backup a.img")...)
		b.must(bench.ours, words("grow a.img")...)
		b.must(bench.ours, words("far sync a.img")...) // heads that were healed make it stale
		b.says(0, "in step", words("far status a.img")...)
		data := b.written()
		b.must(bench.bookworm, words("luksHeaderRestore -q --header-backup-file backup a.img")...)
		b.kept(data)
	}
	part.Note(t, "moments of a growth", tried, writes-stride)
}

// A disk is cut inside the far header, its keys change, and it comes back with what was there.
func TestFarHeaderThatWasCutOffComesBack(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		data := b.written()
		whole := b.read("a.img")
		b.resize(b.body + 64<<10)
		b.says(6, "cut off", words("far status a.img")...)
		b.must(peer, join(words("luksAddKey -q --key-file k1 a.img k2"), cheap("pbkdf2"))...)
		b.must(peer, words("luksKillSlot -q --key-file k2 a.img 0")...)
		b.resize(farImage)
		b.patch(b.body, whole[b.body:])
		b.says(6, "material of 1 keyslots", words("far status a.img")...)
		b.must(bench.ours, words("far sync a.img")...)
		b.says(0, "in step", words("far status a.img")...)
		if area := b.read("a.img")[b.body+32<<10 : b.body+290816]; len(bytes.Trim(area, "\x00")) != 0 {
			t.Error("the killed keyslot is left in the far header")
		}
		if !bytes.Equal(b.read("a.img")[farData:farData+len(data)], data) {
			t.Error("the data changed")
		}
	})
}

// A clone has a far header of its own, and the keys that it had.
func TestCloneKeepsItsOwnFarHeader(t *testing.T) {
	eachPeer(t, func(t *testing.T, peer tool) {
		b := newFarBed(t)
		b.copy("a.img", "clone.img")
		clone := b.read("clone.img")
		b.must(bench.ours, join(words("luksChangeKey -q --key-file k1 a.img k2"), cheap("pbkdf2"))...)
		b.says(0, "in step", words("far status a.img")...)
		if !bytes.Equal(b.read("clone.img"), clone) {
			t.Error("the clone was written to")
		}
		b.says(0, "in step", words("far status clone.img")...)
		b.must(peer, words("open --test-passphrase clone.img --key-file k1")...)
		b.exits(peer, 2, words("open --test-passphrase a.img --key-file k1")...)
		if strings.TrimSpace(b.must(peer, words("luksUUID clone.img")...)) != strings.TrimSpace(b.must(peer, words("luksUUID a.img")...)) {
			t.Error("it is no clone")
		}
	})
}
