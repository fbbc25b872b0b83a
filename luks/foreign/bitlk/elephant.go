// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"crypto/subtle"
	"encoding/binary"
	"math/bits"

	"github.com/orthrus-luks/orthrus/luks/sector"
)

// elephant undoes what is done to a sector before CBC (Ferguson 2006): it is XORed with a key of its own, then two
// diffusers spread every bit over all of it.
type elephant struct {
	tweak *sector.Cipher // AES in ECB, whose unit is sector.MinSize
	size  int            // of a sector, bytes
}

const sectorKeySize = 32

// undo decrypts the rest of sectors that CBC has decrypted, the first of which lies at byte `at` of the device.
func (e *elephant) undo(p []byte, at uint64) error {
	var keys [sector.MinSize]byte
	defer clear(keys[:])
	for len(p) > 0 {
		n := min(len(p)/e.size, len(keys)/sectorKeySize)
		if err := e.sectorKeys(keys[:], at); err != nil {
			return err
		}
		for i := range n {
			undiffuse(p[i*e.size:(i+1)*e.size], keys[i*sectorKeySize:(i+1)*sectorKeySize])
		}
		p, at = p[n*e.size:], at+uint64(n*e.size)
	}
	return nil
}

// sectorKeys fills keys with those of the sectors from at on: its offset, encrypted twice.
func (e *elephant) sectorKeys(keys []byte, at uint64) error {
	clear(keys)
	for i := 0; i < len(keys); i += sectorKeySize {
		binary.LittleEndian.PutUint64(keys[i:], at)
		binary.LittleEndian.PutUint64(keys[i+16:], at)
		keys[i+31] = 0x80
		at += uint64(e.size)
	}
	return e.tweak.Encrypt(keys, keys, 0)
}

// undiffuse runs diffuser B, then A, over the words of a sector, and takes its key away.
func undiffuse(p, key []byte) {
	var words [sector.MaxSize / 4]uint32
	d := words[:len(p)/4]
	defer clear(d)
	for i := range d {
		d[i] = binary.LittleEndian.Uint32(p[4*i:])
	}
	mask := len(d) - 1 // sectors are powers of two
	for range 3 {
		for i := range d {
			d[i] += d[(i+2)&mask] ^ bits.RotateLeft32(d[(i+5)&mask], [4]int{0, 10, 0, 25}[i%4])
		}
	}
	for range 5 {
		for i := range d {
			d[i] += d[(i-2)&mask] ^ bits.RotateLeft32(d[(i-5)&mask], [4]int{9, 0, 13, 0}[i%4])
		}
	}
	for i, word := range d {
		binary.LittleEndian.PutUint32(p[4*i:], word)
	}
	for at := 0; at < len(p); at += sectorKeySize {
		subtle.XORBytes(p[at:at+sectorKeySize], p[at:at+sectorKeySize], key)
	}
}
