// SPDX-License-Identifier: Apache-2.0

package bitlk

import "encoding/binary"

// maxVMKs is far more than Windows lets anybody add.
const maxVMKs = 64

// Protection says what opens a volume master key.
type Protection uint16

// The protections that are known.
const (
	ByClearKey   Protection = 0x0000
	ByTPM        Protection = 0x0100
	ByStartupKey Protection = 0x0200
	ByTPMAndPIN  Protection = 0x0500
	ByRecovery   Protection = 0x0800
	BySmartCard  Protection = 0x1000
	ByPassphrase Protection = 0x2000
)

// String names it, as "passphrase"; "" for one that is not known.
func (p Protection) String() string {
	switch p {
	case ByClearKey:
		return "clear key"
	case ByTPM:
		return "TPM"
	case ByStartupKey:
		return "startup key"
	case ByTPMAndPIN:
		return "TPM and PIN"
	case ByRecovery:
		return "recovery passphrase"
	case BySmartCard:
		return "smart card"
	case ByPassphrase:
		return "passphrase"
	}
	return ""
}

// VMK is a volume master key as one protector has it.
type VMK struct {
	GUID       GUID
	Protection Protection
	Name       string // "" for none
	Salt       [16]byte
	Sealed     *Sealed // nil where this is not how it is kept

	clear []byte // the key that opens it, which anybody can read; nil for none
}

// vmkHead is GUID, time, two bytes and protection.
const vmkHead = 28

// parseVMK reads an entry of a master key. What it does not know is passed over.
func parseVMK(p []byte) (*VMK, error) {
	if len(p) < vmkHead {
		return nil, field("VMK", "an entry of %d bytes", len(p))
	}
	v := &VMK{}
	copy(v.GUID[:], p)
	v.Protection = Protection(binary.LittleEndian.Uint16(p[26:]))
	list, err := parseEntries("VMK", p[vmkHead:])
	if err != nil {
		return nil, err
	}
	for _, e := range list {
		if err := v.take(e); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *VMK) take(e entry) (err error) {
	switch e.value {
	case valueText:
		v.Name = text(e.data)
	case valueStretch:
		if len(e.data) < 4+len(v.Salt) {
			return field("stretch key", "an entry of %d bytes", len(e.data))
		}
		copy(v.Salt[:], e.data[4:])
	case valueSealed:
		if v.Sealed == nil {
			v.Sealed, err = parseSealed("VMK", e.data)
		}
	case valueKey:
		if len(e.data) != 4+keySize {
			return field("clear key", "an entry of %d bytes", len(e.data))
		}
		v.clear = e.data[4:]
	}
	return err
}

// KeySizes are the bytes of the keys that the entry has, as reports list them: that of a clear key first.
func (v *VMK) KeySizes() (list []int) {
	if v.clear != nil {
		list = append(list, len(v.clear))
	}
	if v.Sealed != nil {
		list = append(list, v.Sealed.Size())
	}
	return list
}

// openable tells whether the entry has what the protection needs.
func (v *VMK) openable(by Protection) bool { return v.Protection == by && v.Sealed != nil }
