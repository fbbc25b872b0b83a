// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// Heal makes both heads of a LUKS2 volume equal to the one in use and reports whether there was
// anything to do. Where another signature lies on the device it refuses with a
// header.ForeignError, and where a copy cannot be read and may be newer with header.ErrUnreadable,
// unless forced: an explicit repair knows whose device it is and what is to be given up.
func (v *Volume) Heal(ctx context.Context, force bool) (healed bool, err error) {
	if v.Version != 2 || v.Choice.Healthy() {
		return false, nil
	}
	err = locked(ctx, v.dev, true, func() error {
		heads := header.Read(v.dev)
		choice, err := header.Choose(heads)
		if err != nil {
			return err
		}
		if !header.SameGeneration(v.Choice, choice) {
			return header.ErrChanged
		}
		plan, err := v.planHeal(heads, choice, force)
		if err != nil {
			return err
		}
		healed = len(plan.Writes) > 0
		if err := commit.Apply(v.dev, plan); err != nil {
			return v.salvage(err, plan.Now)
		}
		if err := v.load(); err != nil || !healed {
			return err
		}
		v.FarLag = v.followFar()
		return nil
	})
	return healed, err
}

// followFar brings the far header into step where that may be done, and tells why it was not.
func (v *Volume) followFar() error {
	f, err := v.farHeader(v.Heads, v.Choice)
	if err != nil || f.Standing == far.None || f.Standing == far.InStep {
		return err
	}
	if err := f.Writable(); err != nil {
		return err
	}
	return v.writeFar(f)
}

// catchUp is followFar for a caller without the lock.
func (v *Volume) catchUp(ctx context.Context) error {
	return locked(ctx, v.dev, true, func() error {
		if err := v.load(); err != nil {
			return err
		}
		return v.followFar()
	})
}

func (v *Volume) planHeal(heads header.Heads, choice header.Choice, force bool) (header.Plan, error) {
	if choice.Healthy() {
		return header.Plan{}, nil
	}
	if err := header.Doubt(heads, choice); err != nil && !force {
		return header.Plan{}, err
	}
	var foreign []header.Foreign
	if damaged(heads) && !force {
		var err error
		if foreign, err = foreignSignatures(v.dev); err != nil {
			return header.Plan{}, err
		}
	}
	return header.PlanHeal(heads, choice, foreign, rand.Reader)
}

// damaged: a copy is not valid, so something else may own its place. A stale copy is ours.
func damaged(h header.Heads) bool {
	return h.Primary.State != header.Valid || h.Secondary.State != header.Valid
}

// foreignSignatures lists what is on the device beside LUKS, as blkid would: old backups and remains
// with a wrong checksum claim nothing. What cannot be read is unknown, and no reason to leave a
// damaged header as it is.
func foreignSignatures(dev Device) ([]header.Foreign, error) {
	found, err := signature.Detect(dev, dev.Size())
	var unreadable *signature.Unreadable
	if err != nil && !errors.As(err, &unreadable) {
		return nil, err
	}
	var foreign []header.Foreign
	for _, s := range found {
		if s.Kind != "crypto_LUKS" && !s.Backup && !s.Damaged {
			foreign = append(foreign, header.Foreign{Kind: s.Kind, Offset: uint64(s.Offset), Length: uint64(s.MagicLength)})
		}
	}
	return foreign, nil
}

// Foreign returns a header.ForeignError where a copy is damaged and the device bears the signature
// of something else, which may then be what really lives there.
func (v *Volume) Foreign() error {
	if v.Version != 2 || !damaged(v.Heads) {
		return nil
	}
	foreign, err := foreignSignatures(v.dev)
	if err != nil || len(foreign) == 0 {
		return err
	}
	return &header.ForeignError{Foreign: foreign[0]}
}

// Reload reads the metadata again, as Load does.
func (v *Volume) Reload(ctx context.Context) error {
	return locked(ctx, v.dev, false, v.load)
}

// DamagedKeyslots lists the keyslots whose material cannot be read or cannot be encrypted data. One
// that is not listed may be damaged all the same.
func (v *Volume) DamagedKeyslots() []int {
	var ids []int
	for _, k := range v.Keyslots {
		if !k.Openable() || sector.IsNull(k.Spec.Cipher) || k.fits() != nil {
			continue
		}
		material := make([]byte, min(uint64(k.Spec.MaterialSize()), k.Area.Size))
		n, err := v.dev.ReadAt(material, int64(k.Area.Offset))
		if n < len(material) && err != nil || keyslot.Damaged(material) >= 0 {
			ids = append(ids, k.ID)
		}
	}
	return ids
}
