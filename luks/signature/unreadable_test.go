// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"errors"
	"io"
	"slices"
	"syscall"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// faulty cannot read some sectors; a read that touches one fails whole.
type faulty struct {
	io.ReaderAt
	bad   func(sector int64) bool
	reads int
}

func (f *faulty) ReadAt(p []byte, off int64) (int, error) {
	f.reads++
	for sector := off / 512; sector*512 < off+int64(len(p)); sector++ {
		if f.bad(sector) {
			return 0, syscall.EIO
		}
	}
	return f.ReaderAt.ReadAt(p, off)
}

func TestUnreadableSectorHidesOnlyWhatItHolds(t *testing.T) {
	for _, name := range []string{"luks2", "btrfs", "ext4", "gpt", "lvm", "xfs", "fat16"} {
		t.Run(name, func(t *testing.T) {
			d := fixture(t, name)
			whole := detect(t, d)
			for sector := range int64(256) {
				f := &faulty{ReaderAt: d, bad: func(s int64) bool { return s == sector }}
				found, err := Detect(f, d.size)
				var unreadable *Unreadable
				if !errors.As(err, &unreadable) || !errors.Is(err, syscall.EIO) || !slices.Equal(unreadable.Ranges, []extent.Extent{{Offset: uint64(sector) * 512, Size: 512}}) {
					t.Fatalf("sector %d: %v", sector, err)
				}
				for _, s := range whole {
					checkFound(t, sector, found, s)
				}
			}
		})
	}
}

// checkFound: a signature whose magic is in another sector is still there, perhaps damaged,
// unless its magic is so short that it needs the rest.
func checkFound(t *testing.T, sector int64, found []Signature, want Signature) {
	t.Helper()
	if want.Offset/512 == sector || want.MagicLength <= shortMagic || want.Kind == "vfat" {
		return
	}
	if !slices.ContainsFunc(found, func(s Signature) bool { return s.Offset == want.Offset && s.Kind == want.Kind }) {
		t.Errorf("sector %d unreadable: %s at %d not found", sector, want.Kind, want.Offset)
	}
}

func TestDeadDeviceEndsAfterABoundedNumberOfReads(t *testing.T) {
	f := &faulty{ReaderAt: fixture(t, "ext4"), bad: func(int64) bool { return true }}
	found, err := Detect(f, 1<<40)
	var unreadable *Unreadable
	if len(found) != 0 || !errors.As(err, &unreadable) || len(unreadable.Ranges) > 64 || f.reads > 200 {
		t.Fatalf("%+v, %v, %d reads", found, err, f.reads)
	}
}

func TestHealthyDeviceIsReadInFewReads(t *testing.T) {
	f := &faulty{ReaderAt: fixture(t, "ext4"), bad: func(int64) bool { return false }}
	if _, err := Detect(f, 1<<40); err != nil || f.reads > 40 {
		t.Fatalf("%d reads, %v", f.reads, err)
	}
}
