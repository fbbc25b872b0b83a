// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"encoding/binary"
	"unicode/utf16"
)

// entryHead is what each entry begins with, bytes.
const entryHead = 8

// Types and values of entries that mean something here.
const (
	typeVMK         = 0x02
	typeFVEK        = 0x03
	typeStartup     = 0x06
	typeDescription = 0x07
	typeMoved       = 0x0f
	typeVolumeGUID  = 0x19

	valueKey      = 0x01
	valueText     = 0x02
	valueStretch  = 0x03
	valueSealed   = 0x05
	valueVMK      = 0x08
	valueExternal = 0x09
	valueMoved    = 0x0f
	valueGUID     = 0x17
)

// entry is one entry; data is a part of the block.
type entry struct {
	kind, value uint16
	data        []byte
}

// is tells whether the entry is of that type and value.
func (e entry) is(kind, value uint16) bool { return e.kind == kind && e.value == value }

// maxEntries is far more than any volume has.
const maxEntries = 256

// parseEntries takes a run of entries apart, which fill p. The error is a FieldError.
func parseEntries(name string, p []byte) (list []entry, err error) {
	for len(p) > 0 {
		if len(p) < entryHead {
			return nil, field(name, "%d bytes behind the last entry", len(p))
		}
		size := int(binary.LittleEndian.Uint16(p))
		if size < entryHead || size > len(p) {
			return nil, field(name, "an entry of %d bytes where %d are left", size, len(p))
		}
		if len(list) == maxEntries {
			return nil, field(name, "more than %d entries", maxEntries)
		}
		list = append(list, entry{
			kind: binary.LittleEndian.Uint16(p[2:]), value: binary.LittleEndian.Uint16(p[4:]), data: p[entryHead:size],
		})
		p = p[size:]
	}
	return list, nil
}

// text reads UTF-16 up to its terminator.
func text(p []byte) string {
	units := make([]uint16, 0, len(p)/2)
	for ; len(p) >= 2; p = p[2:] {
		unit := binary.LittleEndian.Uint16(p)
		if unit == 0 {
			break
		}
		units = append(units, unit)
	}
	return string(utf16.Decode(units))
}
