// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// Heal makes both heads of a LUKS2 volume equal to the one in use and reports whether there was
// anything to do. Where another signature lies on the device it refuses with a
// header.ForeignError, where a copy cannot be read and may be newer with header.ErrUnreadable,
// unless forced: an explicit repair knows whose device it is and what is to be given up. In the middle of a
// reencryption it refuses with header.ErrReencrypting.
func (v *Volume) Heal(ctx context.Context, force bool) (healed bool, err error) {
	seen := v.now()
	if seen.Version != 2 || seen.Choice.Healthy() {
		return false, nil
	}
	err = v.enter(ctx, commit.Options{Force: force, Heals: true}, func(s *commit.Session) error {
		if _, choice := s.Heads(); !header.SameGeneration(seen.Choice, choice) {
			return header.ErrChanged
		}
		healed, err = s.Heal()
		return err
	})
	v.mended(healed)
	return healed, err
}

// OverwriteFree overwrites the room in which keyslots of LUKS2 may lie and none does with random bytes. A change that
// was cut off behind its commit leaves the old material there, which a header from before opens; it cannot be told
// from what a new volume has there. It refuses with luks2.ErrRequirements, as during reencryption, and with
// far.ErrUnderWay while a transaction waits for Resume: a move may have the only copy there.
func (v *Volume) OverwriteFree(ctx context.Context) error {
	if err := v.only2("free room for keyslots"); err != nil {
		return err
	}
	return v.transact(ctx, commit.Options{}, func(s *commit.Session) ([]Step, error) {
		now := s.Now()
		_, pending, err := relocate.Pending(v.dev, now.Metadata)
		if unmet := now.Metadata.Requirements(); len(unmet) > 0 {
			return nil, &luks2.RequirementsError{Names: unmet}
		}
		if err != nil || pending {
			return nil, errors.Join(err, far.ErrUnderWay)
		}
		return []Step{{Act: commit.Wipe{
			What: "free keyslots area", Ranges: now.Metadata.Holes(now.Header.Size),
		}}}, nil
	})
}

// Foreign returns a header.ForeignError where a copy is damaged and the device bears the signature
// of something else, which may then be what really lives there.
func (v *Volume) Foreign() error {
	if now := v.now(); v.device() == nil || now.Version != 2 || !header.Damage(now.Heads) {
		return nil
	}
	foreign, err := commit.ForeignSignatures(v.dev)
	if err != nil || len(foreign) == 0 {
		return err
	}
	return &header.ForeignError{Foreign: foreign[0]}
}

// Last tells whether a keyslot is the only one that opens a key that data need, as far as that can be known without a
// passphrase: keyslots that LoadExamined found damaged open nothing. What other programs destroy afterwards changes
// no answer, so that KillKeyslot goes by what its caller was told.
func (v *Volume) Last(k Keyslot) bool {
	if v == nil {
		return false
	}
	v.seen.Lock()
	sound, dead, began := v.View, v.dead, v.began
	v.seen.Unlock()
	if !k.OpensData() || went(began, sound, k) {
		return false
	}
	sound.Keyslots = slices.DeleteFunc(slices.Clone(sound.Keyslots), func(o Keyslot) bool {
		return o.ID != k.ID && slices.Contains(dead, o.ID)
	})
	return sound.Last(k)
}

// went tells whether another keyslot for the same key was there when LoadExamined began, and is not: another program
// took it away while the lock was waited for, and who answers does not know.
func went(began *view.View, now view.View, k Keyslot) bool {
	if began == nil {
		return false
	}
	return slices.ContainsFunc(began.Keyslots, func(o Keyslot) bool {
		return o.ID != k.ID && o.OpensData() && bytes.Equal(o.Digest.Sum, k.Digest.Sum) &&
			!slices.ContainsFunc(now.Keyslots, func(k Keyslot) bool { return k.Identity.Same(o.Identity) })
	})
}

// DamagedKeyslots lists the keyslots whose material cannot be read or cannot be encrypted data. One
// that is not listed may be damaged all the same.
func (v *Volume) DamagedKeyslots() []int { return damaged(v.device(), v.now()) }

func damaged(dev Device, now *view.View) (ids []int) {
	for _, k := range now.Keyslots {
		if dev == nil || !k.Openable() || sector.IsNull(k.Spec.Cipher) || k.Fits() != nil {
			continue
		}
		material := make([]byte, min(uint64(k.Spec.MaterialSize()), k.Area.Size))
		n, err := dev.ReadAt(material, int64(k.Area.Offset))
		if n < len(material) && err != nil || keyslot.Damaged(material) >= 0 {
			ids = append(ids, k.ID)
		}
	}
	return ids
}
