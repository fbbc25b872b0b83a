// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/convert"
)

// CheckConvert tells whether Convert would refuse; it writes nothing. Errors: convert.Error,
// ErrLUKSMeta, RequirementsError, header.ErrConflict, ErrUnsupported for another version than 1 and
// 2 or the one that the volume has.
func (v *Volume) CheckConvert(version int) error {
	now := v.now()
	if version == now.Version || version != 1 && version != 2 {
		return fmt.Errorf("LUKS%d to LUKS%d: %w", now.Version, version, ErrUnsupported)
	}
	if v.device() == nil {
		return ErrNoDevice
	}
	return convert.Check(v.dev, *now)
}

// Convert turns LUKS1 metadata into LUKS2 metadata or the other way round; data and passphrases
// stay. Nothing may use the volume meanwhile. Under the lock it plans again, then copies keyslots out
// of the way, writes the other format around the sector that tells which of the two holds, and that
// sector last; see package convert. At each instant the volume opens with all its passphrases, and
// what an interruption leaves can be converted again. Errors: those of CheckConvert and of writing.
func (v *Volume) Convert(ctx context.Context, version int) error {
	if err := v.CheckConvert(version); err != nil {
		return err
	}
	return v.locked(ctx, true, func() error {
		uuid := v.UUID
		if err := v.load(); err != nil {
			return err
		}
		if v.UUID != uuid || v.Version == version {
			return ErrAnotherVolume
		}
		return errors.Join(convert.Run(v.dev, v.View), v.load())
	})
}
