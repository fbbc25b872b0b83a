// SPDX-License-Identifier: Apache-2.0

package luks2

import "strconv"

// Reencryption is what the keyslot of type "reencrypt" says of the run that is under way.
type Reencryption struct {
	Keyslot   int
	Mode      string // "encrypt", "decrypt", "reencrypt"
	Direction string // "forward", "backward"
	Area      Area   // only type (the resilience), offset and size, bytes
	Hash      string // checksum kinds
	UnitSize  uint32 // checksum kinds: bytes that one checksum covers
	Shift     uint64 // datashift kinds: bytes by which the data move; 0 where the text names none
}

type reencryptionJSON struct {
	Mode      string `json:"mode"`
	Direction string `json:"direction"`
	Area      struct {
		Hash       string `json:"hash"`
		SectorSize uint32 `json:"sector_size"`
		ShiftSize  string `json:"shift_size"`
	} `json:"area"`
}

// Reencryption returns what the reencryption keyslot says, if there is one.
func (m *Metadata) Reencryption() (Reencryption, bool) {
	for _, slot := range m.Keyslots() {
		if slot.Type != TypeReencrypt {
			continue
		}
		var raw reencryptionJSON
		if decode(m.keyslots.byID(slot.ID), &raw) != nil {
			continue
		}
		r := Reencryption{
			Keyslot: slot.ID, Mode: raw.Mode, Direction: raw.Direction, Area: slot.Area,
			Hash: raw.Area.Hash, UnitSize: raw.Area.SectorSize,
		}
		// A validated number; an absent one reads as 0.
		r.Shift, _ = strconv.ParseUint(raw.Area.ShiftSize, 10, 64)
		return r, true
	}
	return Reencryption{}, false
}

// SetResilience changes how the zones of a run that moves no data are recorded: its Area.Type and, with checksums, Hash
// and UnitSize.
func (m *Metadata) SetResilience(r Reencryption) error {
	return m.keyslots.edit(strconv.Itoa(r.Keyslot), func(slot *object) error {
		return slot.edit("area", func(o *object) error {
			o.set("type", quote(r.Area.Type))
			o.remove("hash")
			o.remove("sector_size")
			if r.Area.Type == "checksum" {
				o.set("hash", quote(r.Hash))
				o.set("sector_size", number(uint64(r.UnitSize)))
			}
			return nil
		})
	})
}
