// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrBackup is the kind of failure to use a header backup.
var ErrBackup = errors.New("header backup does not fit the device")

// backupUnit is what backups are rounded up to, bytes.
const backupUnit = 4096

// Backup returns header and keyslot areas as they are on the device: the contents of a header
// backup file, which holds key material. It fails on a read error.
func (v *Volume) Backup(ctx context.Context) ([]byte, error) {
	image := make([]byte, v.backupSize())
	err := locked(ctx, v.dev, false, func() error {
		n, err := v.dev.ReadAt(image, 0)
		if n < len(image) {
			return fmt.Errorf("reading the header: %w", err)
		}
		return nil
	})
	if err == nil && v.Version == 1 {
		for _, gap := range v.LUKS1.Gaps(backupUnit) {
			clear(image[gap.Offset:gap.End()])
		}
	}
	return image, err
}

// backupSize is the length of a backup in bytes.
func (v *Volume) backupSize() uint64 {
	if v.Version == 1 {
		return min(roundUp(materialRoom1(v.LUKS1).End(), backupUnit), uint64(v.dev.Size()))
	}
	return v.Metadata().KeyslotsExtent(v.Choice.Copy.Header.Size).End()
}

// Restore brings the header in backup, a volume loaded from a backup file, to this volume's
// device. Data offset, header size and (LUKS1) key size must be equal. Keyslot areas that the
// present header uses are not touched before the restored one is durable, so that at each instant
// the old or the new set of passphrases opens. Where an area is in the way, the restored keyslot
// moves to a free place, in LUKS1 until its own is free; without one the error is luks2.ErrNoRoom.
// Areas that nothing names any more are wiped.
func (v *Volume) Restore(ctx context.Context, backup *Volume) error {
	if err := v.fits(backup); err != nil {
		return err
	}
	if v.Version == 1 {
		return v.restore1(ctx, backup)
	}
	return v.restore2(ctx, backup)
}

func (v *Volume) fits(backup *Volume) error {
	switch {
	case v.Version != backup.Version:
		return fmt.Errorf("%w: LUKS%d on the device, LUKS%d in the backup", ErrBackup, v.Version, backup.Version)
	case v.Data.Offset != backup.Data.Offset:
		return fmt.Errorf("%w: data offset %d on the device, %d in the backup", ErrBackup, v.Data.Offset, backup.Data.Offset)
	case v.backupSize() != backup.backupSize():
		return fmt.Errorf("%w: header of %d bytes on the device, %d in the backup", ErrBackup, v.backupSize(), backup.backupSize())
	case v.Version == 1 && v.LUKS1.KeyBytes != backup.LUKS1.KeyBytes:
		return fmt.Errorf("%w: volume keys of different length", ErrBackup)
	case v.Version == 1 && !placed1(v.LUKS1, backup.LUKS1):
		return fmt.Errorf("%w: key material lies at other places", ErrBackup)
	}
	return nil
}

// restore2 works against the header as it is under the lock, whatever its uuid.
func (v *Volume) restore2(ctx context.Context, backup *Volume) error {
	return v.update2(ctx, func(now luks2.Copy) (change, error) {
		c := change{next: backup.Choice.Copy}
		c.next.Metadata = backup.Metadata().Clone()
		c.next.Header.SeqID = now.Header.SeqID
		if err := keepRoom(c.next.Metadata, now.Metadata); err != nil {
			return c, err
		}
		err := placeRestored(&c, v.dev, now, backup)
		return c, err
	})
}

// keepRoom lets the size of the data, and what the heads know of the far header, be as they are now: a
// backup may be older than the far header, or than a growth of the device.
func keepRoom(next, now *luks2.Metadata) error {
	if err := keepSegmentSize(next, now); err != nil {
		return err
	}
	t, _, found, err := far.Find(now)
	switch {
	case err != nil:
		return err
	case found:
		return far.Put(next, t)
	}
	return far.Remove(next)
}

func keepSegmentSize(next, now *luks2.Metadata) error {
	mine, found := now.DefaultSegment()
	theirs, also := next.DefaultSegment()
	if !found || !also || len(now.Segments()) != 1 || len(next.Segments()) != 1 {
		return nil
	}
	return next.SetSegmentSize(theirs.ID, mine.Size)
}

// placeRestored decides where each keyslot of the backup goes.
func placeRestored(c *change, dev Device, now luks2.Copy, backup *Volume) error {
	m := c.next.Metadata
	for _, slot := range backup.Metadata().Keyslots() {
		material := make([]byte, slot.Area.Size)
		if n, err := backup.dev.ReadAt(material, int64(slot.Area.Offset)); n < len(material) {
			return &KeyslotError{slot.ID, err}
		}
		// What no head names is written in any case: after a sync that failed it may read well and not be on the medium.
		if inUse(now.Metadata, slot.Area) {
			present := make([]byte, len(material))
			if n, err := dev.ReadAt(present, int64(slot.Area.Offset)); n == len(present) && err == nil && bytes.Equal(present, material) {
				continue
			}
			free, err := freeInBoth(m, now.Metadata, c.next.Header.Size, slot.Area.Size)
			if err != nil {
				return err
			}
			slot.Area.Offset = free.Offset
			if err := m.MoveArea(slot.ID, free.Offset); err != nil {
				return err
			}
		}
		c.before = append(c.before, areaWrite{areaName(slot.ID), slot.Area.Offset, material})
	}
	return wipeRemains(c, dev, m)
}

func inUse(m *luks2.Metadata, area luks2.Area) bool {
	for _, slot := range m.Keyslots() {
		if slot.Area.Offset < area.End() && area.Offset < slot.Area.End() {
			return true
		}
	}
	return false
}

// freeInBoth finds a hole that neither header uses.
func freeInBoth(next, now *luks2.Metadata, hdrSize, size uint64) (luks2.Extent, error) {
	for _, hole := range next.Holes(hdrSize) {
		for at := hole.Offset; at+size <= hole.End(); at += luks2.AreaAlignment {
			if !inUse(now, luks2.Area{Offset: at, Size: size}) {
				return luks2.Extent{Offset: at, Size: size}, nil
			}
		}
	}
	return luks2.Extent{}, &luks2.RoomError{Kind: luks2.KeyslotsArea, Needed: size}
}

// wipeRemains overwrites, once the restored header is durable, all material that it does not name: its
// passphrases are revoked by the restore, or were by an earlier one that was cut off.
func wipeRemains(c *change, dev Device, next *luks2.Metadata) error {
	for _, hole := range next.Holes(c.next.Header.Size) {
		e := remains(dev, hole)
		if e.Size == 0 {
			continue
		}
		wipe, err := noise("free keyslots area", e.Offset, e.Size)
		if err != nil {
			return err
		}
		c.after = append(c.after, wipe)
	}
	return nil
}

// remains is the part of a range from its first to its last byte that is not zero, in whole blocks; the
// whole range where it cannot be read.
func remains(dev Device, e luks2.Extent) luks2.Extent {
	p := make([]byte, e.Size)
	if n, _ := dev.ReadAt(p, int64(e.Offset)); n < len(p) {
		return e
	}
	const block = luks2.AreaAlignment
	used := uint64(len(bytes.TrimRight(p, "\x00")))
	first := (e.Size - uint64(len(bytes.TrimLeft(p, "\x00")))) / block * block
	if used == 0 {
		return luks2.Extent{}
	}
	return luks2.Extent{Offset: e.Offset + first, Size: min(roundUp(used, block), e.Size) - first}
}

// WriteBackup puts a backup on a device that has no valid header of its own: keyslot areas first,
// header last.
func WriteBackup(ctx context.Context, dev Device, backup *Volume) error {
	image, err := backup.Backup(ctx)
	if err != nil {
		return err
	}
	if int64(len(image)) > dev.Size() {
		return fmt.Errorf("%w: %d bytes for a device of %d", ErrBackup, len(image), dev.Size())
	}
	return locked(ctx, dev, true, func() error {
		head := 2 * backup.Choice.Copy.Header.Size
		if backup.Version == 1 {
			head = luks1Room
		}
		if err := commit.WriteArea(dev, "keyslot areas", head, image[head:]); err != nil {
			return err
		}
		return commit.WriteArea(dev, "header", 0, image[:head])
	})
}
