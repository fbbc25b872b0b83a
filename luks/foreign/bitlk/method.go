// SPDX-License-Identifier: Apache-2.0

package bitlk

// Method is the number of a method of encryption.
type Method uint16

// methodRow is all that is known of a method.
type methodRow struct {
	method   Method
	cipher   string // as dm-crypt calls it
	fvek     int    // bytes of the FVEK
	key      int    // bytes of it that the mapping gets
	elephant bool
}

// Of the 64 bytes of an FVEK the diffuser with a key of 128 bits uses two times 16.
var methods = [...]methodRow{
	{method: 0x8000, cipher: "aes-cbc-elephant", fvek: 64, key: 32, elephant: true},
	{method: 0x8001, cipher: "aes-cbc-elephant", fvek: 64, key: 64, elephant: true},
	{method: 0x8002, cipher: "aes-cbc-eboiv", fvek: 16, key: 16},
	{method: 0x8003, cipher: "aes-cbc-eboiv", fvek: 32, key: 32},
	{method: 0x8004, cipher: "aes-xts-plain64", fvek: 32, key: 32},
	{method: 0x8005, cipher: "aes-xts-plain64", fvek: 64, key: 64},
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

// KeySize is that of the key which the mapping gets, in bytes; 0 for a method that nobody knows.
func (m Method) KeySize() int {
	r, _ := m.row()
	return r.key
}
