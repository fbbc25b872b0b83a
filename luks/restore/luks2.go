// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"bytes"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// LUKS2 says how the heads now, on dev, become those of a backup. Keyslot areas that the present heads use
// are not touched before the restored ones are durable. Where an area or a head is in the way, the restored
// keyslot moves to a free place; without one the error is luks2.ErrNoRoom. Areas that nothing names any more
// are wiped. The size of the data, and what the heads know of a far header, stay as they are.
func LUKS2(dev io.ReaderAt, now luks2.Copy, backup io.ReaderAt, next luks2.Copy) (commit.Change, error) {
	c := commit.Change{Next: next}
	c.Next.Metadata = next.Metadata.Clone()
	c.Next.Header.SeqID = now.Header.SeqID
	if err := keepRoom(c.Next.Metadata, now.Metadata); err != nil {
		return c, err
	}
	for _, slot := range next.Metadata.Keyslots() {
		if err := place(&c, dev, now, backup, slot); err != nil {
			return c, err
		}
	}
	return c, wipeRemains(&c, dev, now)
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

// place decides where a keyslot of the backup goes.
func place(c *commit.Change, dev io.ReaderAt, now luks2.Copy, backup io.ReaderAt, slot luks2.Keyslot) error {
	material := make([]byte, slot.Area.Size)
	if err := header.ReadFull(backup, material, slot.Area.Offset); err != nil {
		return fmt.Errorf("keyslot %d: %w", slot.ID, err)
	}
	at := luks2.Extent{Offset: slot.Area.Offset, Size: slot.Area.Size}
	// What no head names is written in any case: after a sync that failed it may read well and not be on the medium.
	if inUse(now, at) || !c.Next.Metadata.KeyslotsExtent(c.Next.Header.Size).Contains(at) {
		present := make([]byte, len(material))
		whole := layout.Keeps(now, c.Next, slot.ID)
		if whole && header.ReadFull(dev, present, at.Offset) == nil && bytes.Equal(present, material) {
			return nil
		}
		free, err := layout.Hole(now, c.Next, at.Size)
		if err != nil {
			return err
		}
		at = free
		if err := c.Next.Metadata.MoveArea(slot.ID, free.Offset); err != nil {
			return err
		}
	}
	c.Before = append(c.Before, commit.Area{What: areaName(slot.ID), Offset: at.Offset, Bytes: material})
	return nil
}

// inUse tells whether the heads, or a keyslot that they name, lie there.
func inUse(now luks2.Copy, at luks2.Extent) bool {
	if at.Offset < 2*now.Header.Size {
		return true
	}
	for _, slot := range now.Metadata.Keyslots() {
		if at.Overlaps(luks2.Extent{Offset: slot.Area.Offset, Size: slot.Area.Size}) {
			return true
		}
	}
	return false
}

// wipeRemains overwrites, once the restored heads are durable, all material that they do not name: its
// passphrases are revoked by the restore, or were by an earlier one that was cut off. Where the heads become
// shorter, what they leave is such room.
func wipeRemains(c *commit.Change, dev io.ReaderAt, now luks2.Copy) error {
	for _, hole := range c.Next.Metadata.Holes(c.Next.Header.Size) {
		e := remains(dev, hole)
		if c.Next.Header.Size != now.Header.Size {
			e = hole
		}
		if e.Size == 0 {
			continue
		}
		wipe, err := commit.Noise("free keyslots area", e)
		if err != nil {
			return err
		}
		c.After = append(c.After, wipe)
	}
	return nil
}

// remains is the part of a range from its first to its last byte that is not zero, in whole blocks; the
// whole range where it cannot be read.
func remains(dev io.ReaderAt, e luks2.Extent) luks2.Extent {
	p := make([]byte, e.Size)
	if n, _ := dev.ReadAt(p, int64(e.Offset)); n < len(p) {
		return e
	}
	const block = luks2.AreaAlignment
	used := uint64(len(bytes.TrimRight(p, "\x00")))
	first := extent.Down(e.Size-uint64(len(bytes.TrimLeft(p, "\x00"))), block)
	if used == 0 {
		return luks2.Extent{}
	}
	return luks2.Extent{Offset: e.Offset + first, Size: min(luks2.AlignUp(used), e.Size) - first}
}
