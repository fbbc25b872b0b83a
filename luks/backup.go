// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/luks/restore"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// ErrBackup is the kind of failure to use a header backup.
var ErrBackup = errors.New("header backup does not fit the device")

// backupUnit is what backups are rounded up to, bytes.
const backupUnit = 4096

// Backup returns header and keyslot areas as they are on the device: the contents of a header
// backup file, which holds key material. It fails on a read error.
func (v *Volume) Backup(ctx context.Context) (image []byte, err error) {
	err = v.locked(ctx, false, func() (err error) {
		image, err = v.backup()
		return err
	})
	return image, err
}

// backup is Backup for a caller that holds the lock.
func (v *Volume) backup() ([]byte, error) {
	image := make([]byte, v.backupSize())
	if n, err := v.dev.ReadAt(image, 0); n < len(image) {
		return nil, fmt.Errorf("reading the header: %w", err)
	}
	if v.Version == 1 {
		for _, gap := range v.LUKS1.Gaps(backupUnit) {
			clear(image[gap.Offset:gap.End()])
		}
	}
	return image, nil
}

// MetadataEnd is where header and keyslots end on the device that has them, in bytes.
func (v *Volume) MetadataEnd() uint64 {
	return metadataEnd(v.now())
}

func metadataEnd(now *view.View) uint64 {
	if now.Version != 2 {
		return now.LUKS1.MaterialRoom().End()
	}
	return layout.Metadata(now.Choice.Copy)
}

// backupSize is the length of a backup in bytes.
func (v *Volume) backupSize() uint64 {
	if v.Version == 1 {
		return min(extent.Up(v.MetadataEnd(), backupUnit), uint64(v.dev.Size()))
	}
	return v.MetadataEnd()
}

// Restore brings the header in backup, a volume loaded from a backup file, to this volume's
// device. Data offset and (LUKS1) places and key size must be equal; the heads of LUKS2 keep their length. Keyslot
// areas that the present header uses are not touched before the restored one is durable, so that at each instant
// the old or the new set of passphrases opens. Where an area is in the way, the restored keyslot
// moves to a free place, in LUKS1 until its own is free; where there is none, the keyslots area of LUKS2 becomes
// longer for a while, and without room for that the error is luks2.ErrNoRoom. Areas that nothing names any more
// are wiped. What is pending on the device is concluded first, where it can be; what was pending in the backup is
// no more. The length of the device's keyslots area stays.
func (v *Volume) Restore(ctx context.Context, backup *Volume) error {
	_, unfinished := v.Resume(ctx, nil)
	_, err := v.ComeHome(ctx)
	then := backup.now()
	if backup.device() == nil {
		err = errors.Join(err, ErrNoDevice)
	}
	if err = errors.Join(err, fits(v.now(), then)); err != nil {
		return errors.Join(err, unfinished)
	}
	if then.Version == 1 {
		return v.enter1(ctx, func(s *commit.Session1) error {
			changes, err := restore.LUKS1(v.dev, s.Now(), backup.dev, then.LUKS1, then.LUKS1.Homed())
			for _, c := range changes {
				if err != nil {
					return commit.Preparing(err)
				}
				err = s.Do(c)
			}
			return err
		})
	}
	err = v.update2(ctx, func(s *commit.Session) (commit.Change, error) { return v.restored(s, backup.dev, then) })
	if err != nil {
		return err
	}
	_, err = v.Resume(ctx, nil)
	return commit.Settling(err)
}

// restored plans the heads of a backup, in a longer keyslots area where the present one is full.
func (v *Volume) restored(s *commit.Session, backup Device, then *view.View) (commit.Change, error) {
	next, now := then.Choice.Copy, s.Now()
	next.Metadata = next.Metadata.Clone()
	next.Header.Size = now.Header.Size
	next.Metadata.SetSizes(now.Header.Size, now.Metadata.KeyslotsSize())
	if err := relocate.GoOn(now, next, uint64(v.dev.Size())); err != nil {
		return commit.Change{}, err
	}
	c, err := restore.LUKS2(v.dev, now, backup, next)
	if !errors.Is(err, luks2.ErrNoRoom) {
		return c, err
	}
	size := uint64(0)
	for _, k := range next.Metadata.Keyslots() {
		longer := next
		longer.Metadata, size = next.Metadata.Clone(), size+luks2.AlignUp(k.Area.Size)
		if relocate.Longer(now, longer.Metadata, size, uint64(v.dev.Size())) != nil {
			break
		}
		if away, err := restore.LUKS2(v.dev, now, backup, longer); !errors.Is(err, luks2.ErrNoRoom) {
			return away, err
		}
	}
	return c, err
}

func fits(v, backup *view.View) error {
	switch {
	case v.Version != backup.Version:
		return fmt.Errorf("%w: LUKS%d on the device, LUKS%d in the backup", ErrBackup, v.Version, backup.Version)
	case v.Data.Offset != backup.Data.Offset:
		return fmt.Errorf("%w: data offset %d on the device, %d in the backup", ErrBackup, v.Data.Offset,
			backup.Data.Offset)
	case v.Version == 1 && materialEnd(v) != materialEnd(backup):
		return fmt.Errorf("%w: header of %d bytes on the device, %d in the backup", ErrBackup, materialEnd(v),
			materialEnd(backup))
	case v.Version == 1 && v.LUKS1.KeyBytes != backup.LUKS1.KeyBytes:
		return fmt.Errorf("%w: volume keys of different length", ErrBackup)
	case v.Version == 1 && !placed1(v.LUKS1.Homed(), backup.LUKS1.Homed()):
		return fmt.Errorf("%w: key material lies at other places", ErrBackup)
	}
	return nil
}

// materialEnd is where the keyslots of a LUKS1 volume end, in bytes: they cannot be placed anew.
func materialEnd(v *view.View) uint64 { return v.LUKS1.Homed().MaterialRoom().End() }

// placed1 tells whether both headers keep the material of each keyslot at the same place.
func placed1(a, b luks1.Header) bool {
	for i := range a.Keyslots {
		if a.Keyslots[i].Offset != b.Keyslots[i].Offset || a.Keyslots[i].Stripes != b.Keyslots[i].Stripes {
			return false
		}
	}
	return true
}

// WriteBackup puts a backup on a device that has no valid header of its own: keyslot areas first, header last. Errors
// before the first write: ErrBackup, a layout.Error, a luks1.FieldError, and a MeanwhileError where there is one now.
func WriteBackup(ctx context.Context, dev Device, backup *Volume) error {
	return (&Volume{dev: dev}).writeBackup(ctx, backup, func(_ view.View, err error) bool { return err != nil })
}

// Replace puts a backup of the other version of LUKS in the place of this volume's header, which is lost with its far
// header. Where that is cut off, the device has no header, and WriteBackup goes on. Errors as those of WriteBackup,
// with a MeanwhileError where the header is not as it was loaded.
func (v *Volume) Replace(ctx context.Context, backup *Volume) error {
	seen := v.now()
	return v.writeBackup(ctx, backup, func(now view.View, err error) bool {
		return err == nil && now.Version == seen.Version && now.UUID == seen.UUID && now.LUKS1 == seen.LUKS1 &&
			now.Choice.Copy.Header.SeqID == seen.Choice.Copy.Header.SeqID
	})
}

// writeBackup does that where the device, read again under the lock, is as expected.
func (v *Volume) writeBackup(ctx context.Context, backup *Volume,
	expected func(view.View, error) bool,
) error {
	image, err := backup.Backup(ctx)
	if err != nil {
		return err
	}
	dev := v.device()
	if dev == nil {
		return ErrNoDevice
	}
	size := uint64(max(dev.Size(), 0))
	if uint64(len(image)) > size {
		return fmt.Errorf("%w: %d bytes for a device of %d", ErrBackup, len(image), size)
	}
	then := backup.now()
	head := 2 * then.Choice.Copy.Header.Size
	if then.Version == 1 {
		head = luks1.ReservedSize
		for _, gap := range then.LUKS1.Gaps(uint64(len(image))) {
			clear(image[gap.Offset:gap.End()])
		}
		err = layout.Fits1(then.LUKS1, size)
	} else {
		err = layout.Fits(then.Choice.Copy, size)
	}
	if err != nil {
		return err
	}
	return v.locked(ctx, true, func() error {
		if !expected(view.Read(dev)) {
			return &commit.MeanwhileError{Keyslot: -1, Token: -1}
		}
		return commit.Whole(ctx, dev, image, head)
	})
}
