// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"context"
	"errors"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// ErrDiscards refuses discards where sectors are authenticated: one that was discarded has no tag.
var ErrDiscards = errors.New("Discard/TRIM is not supported") //nolint:staticcheck // the words of cryptsetup

// Tag is what the crypt line says of the tags of sectors.
type Tag struct {
	Size    uint32 // bytes; 0: there are none
	Kind    string // "aead" or "none"
	KeySize uint32 // of the MAC, bytes; 0 where it is as usual
}

// TagsName is the name of the device of dm-integrity below a mapping.
func TagsName(mapping string) string { return mapping + "_dif" }

// The modes of the layer of tags: as a crash leaves tags and data, together or each as it was.
const (
	Journaled = 'J'
	Direct    = 'D'
)

// TagsLine is the line of the layer of tags on a device "major:minor", offset in 512-byte sectors.
func TagsLine(sb *integrity.Superblock, device string, offset uint64, mode byte) *target.Integrity {
	t := &target.Integrity{
		Length: sb.ProvidedSectors, Device: device, Offset: offset, TagSize: uint32(sb.TagSize),
		BlockSize: uint32(sb.BlockSize()),
	}
	if sb.Flags&integrity.FixPadding != 0 {
		t.Flags = target.FixPadding
	}
	SetMode(t, mode)
	return t
}

// What the journal is given, as cryptsetup has it.
const (
	journalWatermark = 50    // percent
	commitTime       = 10000 // milliseconds
)

// SetMode changes how a line writes.
func SetMode(t *target.Integrity, mode byte) {
	t.Mode, t.JournalWatermark, t.CommitTime = mode, 0, 0
	if mode == Journaled {
		t.JournalWatermark, t.CommitTime = journalWatermark, commitTime
	}
}

// patience is how long a layer that is in use is tried again to be removed.
const patience = 5 * time.Second

// activateTagged makes the layer of tags and the mapping on it; on failure neither stays.
func activateTagged(ctx context.Context, c *dm.Control, m Mapping) (dm.Info, error) {
	if m.Flags&target.AllowDiscards != 0 {
		return dm.Info{}, ErrDiscards
	}
	below := TagsName(m.Name)
	info, err := c.Activate(ctx, dm.Plan{
		Name: below, UUID: UUID(Lower, m.VolumeUUID, below), Table: dm.Table{m.Tags}, ReadOnly: m.ReadOnly,
		ReadAhead: m.ReadAhead, Udev: dm.UdevPrivate,
	})
	if err != nil {
		return info, err
	}
	m.Device, m.Offset = dm.Number{Major: info.Major, Minor: info.Minor}, 0
	if info, err = activateCrypt(ctx, c, m); err == nil {
		return info, nil
	}
	return info, errors.Join(err, removeTags(ctx, c, m.Name))
}

func removeTags(ctx context.Context, c *dm.Control, mapping string) error {
	o := dm.RemoveOptions{Retry: patience, Udev: dm.UdevPrivate}
	_, err := c.Remove(context.WithoutCancel(ctx), TagsName(mapping), o)
	return err
}

// RemoveTagged removes a mapping and the layer of tags below it, the end of ctx notwithstanding.
func RemoveTagged(ctx context.Context, c *dm.Control, mapping string) error {
	_, err := c.Remove(context.WithoutCancel(ctx), mapping, dm.RemoveOptions{Retry: patience})
	return errors.Join(err, removeTags(ctx, c, mapping))
}

// Probe asks the kernel to make a mapping that cannot be, on a device without tags: its error tells whether the kernel
// has the cipher, dm.ErrUnknownCipher or another. Nothing is left.
func Probe(ctx context.Context, c *dm.Control, m Mapping) error {
	if _, err := activateCrypt(ctx, c, m); err != nil {
		return err
	}
	_, err := c.Remove(context.WithoutCancel(ctx), m.Name, dm.RemoveOptions{Retry: patience})
	return err
}

// ReloadTags exchanges the line of the layer of tags below a mapping that is running.
func ReloadTags(ctx context.Context, c Mapper, mapping string, t *target.Integrity, readOnly bool) error {
	return exchange(ctx, c, TagsName(mapping), dm.Table{t}, readOnly)
}

// TagsOf finds the layer of tags that a mapping lies on, which has no keys; nil where it has none. Another device of
// such a name is none.
func TagsOf(c Mapper, mapping string, crypt *target.Crypt) *target.Integrity {
	if crypt.IntegrityTag == 0 {
		return nil
	}
	below := TagsName(mapping)
	table, info, err := c.Table(below, dm.Active)
	if err != nil {
		return nil
	}
	line, ok := table[0].(*target.Integrity)
	number := dm.Number{Major: info.Major, Minor: info.Minor}
	if !ok || len(table) != 1 || number.String() != crypt.Device {
		_ = table.Close()
		return nil
	}
	return line
}
