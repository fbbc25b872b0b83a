// SPDX-License-Identifier: Apache-2.0

package view

import (
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Of2 is what the LUKS2 heads say, by the choice that was made among them.
func Of2(heads header.Heads, choice header.Choice) View {
	h, m := choice.Copy.Header, choice.Copy.Metadata
	v := View{
		Version: 2, UUID: h.UUID, Label: h.Label, Subsystem: h.Subsystem, Heads: heads, Choice: choice,
	}
	v.setData(m)
	for _, slot := range m.Keyslots() {
		v.Keyslots = append(v.Keyslots, v.keyslot2(m, slot))
	}
	return v
}

func (v *View) setData(m *luks2.Metadata) {
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
	v.Data.DigestID, v.Digest = d.ID, digest2(d)
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

func (v *View) keyslot2(m *luks2.Metadata, slot luks2.Keyslot) Keyslot {
	k := Keyslot{
		ID: slot.ID, Type: slot.Type, Priority: slot.Priority, Unbound: true,
		Area: luks2.Extent{Offset: slot.Area.Offset, Size: slot.Area.Size}, Identity: commit.IdentityOf(m, slot),
	}
	if d, found := m.DigestOfKeyslot(slot.ID); found {
		k.Unbound, k.Needed = d.ID != v.Data.DigestID, d.ServesData()
		k.Digest = digest2(d)
	}
	if slot.Type == luks2.TypeLUKS2 {
		k.Spec = keyslot.Spec{
			KeySize: int(slot.KeySize), Stripes: int(slot.AF.Stripes), AFHash: slot.AF.Hash,
			Cipher: slot.Area.Encryption, CipherKeySize: int(slot.Area.KeySize), KDF: kdf.Params(slot.KDF),
		}
	}
	return k
}
