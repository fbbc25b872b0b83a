// SPDX-License-Identifier: Apache-2.0

package open

import (
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Keyslots sorts a volume's keyslots by whether they can be tried.
type Keyslots struct {
	Usable []luks.Keyslot
	Short  []luks.Keyslot // need more memory than is available
	Null   []luks.Keyslot // the cipher of their area hides nothing
	Costly []error        // *luks.KeyslotError of those whose costs are beyond all limits
	// Available is the memory that was counted with, in bytes.
	Available uint64
}

// SortKeyslots plans the keyslots that hold the volume key, or the one of that number, against the
// memory available, in bytes. Where memory is unknown (0) none is short. Costs are admit's to judge.
func SortKeyslots(all []luks.Keyslot, only int, available uint64, admit func(kdf.Params) error) Keyslots {
	k := Keyslots{Available: available}
	for _, slot := range all {
		var err error
		if slot.Openable() {
			err = slot.Admit(admit)
		}
		switch {
		case !slot.Openable() || slot.Unbound || only != luks.AnyKeyslot && slot.ID != only:
		case sector.IsNull(slot.Spec.Cipher):
			k.Null = append(k.Null, slot)
		case available > 0 && slot.Spec.KDF.MemoryBytes() > available:
			k.Short = append(k.Short, slot)
		case err != nil:
			k.Costly = append(k.Costly, err)
		default:
			k.Usable = append(k.Usable, slot)
		}
	}
	return k
}

// MemoryError says what the least demanding of the short keyslots lacks.
func (k Keyslots) MemoryError() error {
	least := k.Short[0]
	for _, slot := range k.Short {
		if slot.Spec.KDF.MemoryBytes() < least.Spec.KDF.MemoryBytes() {
			least = slot
		}
	}
	lacks := &kdf.MemoryError{Needed: least.Spec.KDF.MemoryBytes(), Available: k.Available}
	return &luks.KeyslotError{Keyslot: least.ID, Err: lacks}
}

// Allows tells whether a keyslot is among the usable ones.
func (k Keyslots) Allows(slot luks.Keyslot) bool {
	for _, u := range k.Usable {
		if u.ID == slot.ID {
			return true
		}
	}
	return false
}

// Memory is the most that one of the usable keyslots takes, in bytes.
func (k Keyslots) Memory() uint64 {
	most := uint64(0)
	for _, slot := range k.Usable {
		most = max(most, slot.Spec.KDF.MemoryBytes())
	}
	return most
}
