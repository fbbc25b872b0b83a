// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func (v *Volume) setLUKS2(heads header.Heads, choice header.Choice) {
	h, m := choice.Copy.Header, choice.Copy.Metadata
	v.Version, v.UUID, v.Label, v.Subsystem = 2, h.UUID, h.Label, h.Subsystem
	v.Heads, v.Choice = heads, choice
	v.setData(m)
	for _, slot := range m.Keyslots() {
		v.Keyslots = append(v.Keyslots, v.keyslot2(m, slot))
	}
}

func (v *Volume) setData(m *luks2.Metadata) {
	v.Data = Data{Offset: m.DataOffset(), DigestID: -1}
	v.Data.Size, v.Data.Dynamic = m.DataSize()
	if v.Data.Dynamic {
		v.Data.Size = 0
	}
	segment, found := m.DefaultSegment()
	if !found {
		return
	}
	v.Data.Type, v.Data.Cipher, v.Data.SectorSize = segment.Type, segment.Encryption, int(segment.SectorSize)
	v.Data.IVTweak, v.Data.Integrity = segment.IVTweak, segment.Integrity
	d, found := m.DigestOfSegment(segment.ID)
	if !found {
		return
	}
	v.Data.DigestID, v.digest = d.ID, digest2(d)
	for _, id := range d.Keyslots {
		if slot, err := m.Keyslot(id); err == nil {
			v.Data.KeySize = int(slot.KeySize)
			break
		}
	}
}

// digest2 returns nil for digests of unknown types.
func digest2(d luks2.Digest) *digest.Digest {
	if d.Type != "pbkdf2" {
		return nil
	}
	return &digest.Digest{Hash: d.Hash, Iterations: d.Iterations, Salt: d.Salt, Sum: d.Value}
}

func (v *Volume) keyslot2(m *luks2.Metadata, slot luks2.Keyslot) Keyslot {
	k := Keyslot{
		ID: slot.ID, Type: slot.Type, Priority: slot.Priority, Unbound: true,
		Area: luks2.Extent{Offset: slot.Area.Offset, Size: slot.Area.Size}, identity: commit.IdentityOf(m, slot),
	}
	if d, found := m.DigestOfKeyslot(slot.ID); found {
		k.Unbound = d.ID != v.Data.DigestID
		k.digest = digest2(d)
	}
	if slot.Type == luks2.TypeLUKS2 {
		k.Spec = keyslot.Spec{
			KeySize: int(slot.KeySize), Stripes: int(slot.AF.Stripes), AFHash: slot.AF.Hash,
			Cipher: slot.Area.Encryption, CipherKeySize: int(slot.Area.KeySize), KDF: kdf.Params(slot.KDF),
		}
	}
	return k
}

// Requirements returns the requirements of the header that are not met here; while there are any,
// the volume is neither activated nor changed.
func (v *Volume) Requirements() []string {
	if v.Version != 2 {
		return nil
	}
	return v.Metadata().Requirements()
}

// CheckRequirements returns a RequirementsError where Requirements names any.
func (v *Volume) CheckRequirements() error {
	if unmet := v.Requirements(); len(unmet) > 0 {
		return &RequirementsError{Names: unmet}
	}
	return nil
}

// update2 changes a LUKS2 header under the exclusive lock, against the metadata as they are then: what
// somebody else committed since this volume was loaded stays.
func (v *Volume) update2(ctx context.Context, derive func(s *commit.Session) (commit.Change, error)) error {
	return v.enter(ctx, commit.Options{}, func(s *commit.Session) error {
		c, err := derive(s)
		if err != nil {
			return err
		}
		return s.Do(c)
	})
}

// settings2 is update2 for what says how a volume is to be used: it needs the header to be understood
// wholly, so a requirement that is not met here is an error.
func (v *Volume) settings2(ctx context.Context, expect commit.Expect,
	set func(h *luks2.Header, m *luks2.Metadata) error,
) error {
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	return v.update2(ctx, func(s *commit.Session) (commit.Change, error) {
		next := s.Now()
		err := set(&next.Header, next.Metadata)
		return commit.Change{Expect: expect, Next: next}, err
	})
}
