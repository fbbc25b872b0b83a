// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func (r *Report) keyslots2(m *luks2.Metadata, areas []Area) {
	for _, slot := range m.Keyslots() {
		k := Keyslot{
			ID: slot.ID, Type: slot.Type, KDF: slot.KDF.Type, Cipher: slot.Area.Encryption,
			hash: slot.KDF.Hash, af: slot.AF.Hash, prio: slot.Priority,
		}
		if d, found := m.DigestOfKeyslot(slot.ID); found {
			k.Bound = d.ServesData() && slot.Type == luks2.TypeLUKS2
		}
		r.Keyslots = append(r.Keyslots, k.with(areas))
	}
}

// with adds what was seen of the keyslot's area.
func (k Keyslot) with(areas []Area) Keyslot {
	for _, a := range areas {
		if a.Keyslot != k.ID {
			continue
		}
		k.Offset, k.Size, k.State, k.Entropy = a.Offset, a.Size, a.State, a.Entropy
		if a.Damage >= 0 {
			k.Damage = &a.Damage
			k.Why = fmt.Sprintf("no encrypted data at byte %d", a.Damage)
		}
		if a.Err != nil {
			k.Why = a.Err.Error()
		}
	}
	return k
}

func (k Keyslot) hurt() bool { return k.State == Ruined || k.State == Unreadable || k.State == Cut }

// judgeKeyslots: one hurt keyslot is a risk; that the last one is hurt is the loss of the data.
func (r *Report) judgeKeyslots() {
	bound, whole := 0, 0
	for _, k := range r.Keyslots {
		if k.Bound {
			bound++
		}
		if k.Bound && !k.hurt() {
			whole++
		}
		if k.hurt() {
			text := fmt.Sprintf("keyslot %d: key material is %s", k.ID, k.State)
			if k.Why != "" {
				text += ": " + k.Why
			}
			r.add(Healable, text)
		}
		if k.Offset%luks2.AreaAlignment != 0 && r.Version == 2 {
			r.add(Note, fmt.Sprintf("keyslot %d: area at byte %d is not aligned to %d", k.ID, k.Offset,
				luks2.AreaAlignment))
		}
	}
	switch {
	case bound == 0:
		r.add(Note, "no keyslot opens the data: it takes the volume key itself")
	case whole == 0:
		r.add(Lost, "no keyslot that opens the data is whole")
	}
	r.judgeOverlaps()
}

// judgeOverlaps finds areas that share bytes. In valid LUKS2 metadata there are none.
func (r *Report) judgeOverlaps() {
	for i, a := range r.Keyslots {
		for _, b := range r.Keyslots[:i] {
			if a.Offset < b.Offset+b.Size && b.Offset < a.Offset+a.Size {
				r.add(Healable, fmt.Sprintf("keyslots %d and %d overlap", b.ID, a.ID))
			}
		}
	}
}
