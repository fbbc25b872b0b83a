// SPDX-License-Identifier: Apache-2.0

package bitlk

// Method is the number of a method of encryption.
type Method uint16

// methodRow is all that is known of a method.
type methodRow struct {
	method   Method
	cipher   string // as dm-crypt calls it
	bits     int    // of the key, as reports show it
	fvek     int    // bytes of the FVEK
	elephant bool
}

var methods = [...]methodRow{
	{method: 0x8000, cipher: "aes-cbc-elephant", bits: 128, fvek: 64, elephant: true},
	{method: 0x8001, cipher: "aes-cbc-elephant", bits: 256, fvek: 64, elephant: true},
	{method: 0x8002, cipher: "aes-cbc-eboiv", bits: 128, fvek: 16},
	{method: 0x8003, cipher: "aes-cbc-eboiv", bits: 256, fvek: 32},
	{method: 0x8004, cipher: "aes-xts-plain64", bits: 128, fvek: 32},
	{method: 0x8005, cipher: "aes-xts-plain64", bits: 256, fvek: 64},
}

func (m Method) row() (methodRow, bool) {
	for _, r := range methods {
		if r.method == m {
			return r, true
		}
	}
	return methodRow{}, false
}

// Cipher is the specification of the method, "aes-xts-plain64", or "" for one that nobody knows.
func (m Method) Cipher() string {
	r, _ := m.row()
	return r.cipher
}

// KeyBits is the length that reports give the key, in bits: 128 or 256, or 0.
func (m Method) KeyBits() int {
	r, _ := m.row()
	return r.bits
}

// VolumeKeySize is that of the key which the mapping gets, in bytes: of the 64 bytes of an FVEK the diffuser with a
// key of 128 bits uses two times 16.
func (m Method) VolumeKeySize() int {
	r, _ := m.row()
	if r.elephant {
		return r.bits / 4
	}
	return r.fvek
}
