// SPDX-License-Identifier: Apache-2.0

package rescue

import (
	"bytes"
	"encoding/binary"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// sectorSize is the grid on which heads are looked for, bytes.
const sectorSize = 512

// The fields that tell a LUKS2 head whose magic is gone.
const (
	atVersion = 6
	atSize    = 8
	atOffset  = 256
	magicSize = 6
)

// resembles tells by the first bytes of a sector what could begin there, magic or not.
func resembles(p []byte) (version int, whole bool) {
	whole = string(p[:magicSize]) == luks2.PrimaryMagic || string(p[:magicSize]) == luks2.SecondaryMagic
	switch binary.BigEndian.Uint16(p[atVersion:]) {
	case 2:
		if whole || luks2.LegalSize(binary.BigEndian.Uint64(p[atSize:])) {
			return 2, whole
		}
	case 1:
		if whole || p[8] >= 'a' && p[8] <= 'z' {
			return 1, whole
		}
	}
	return 0, whole
}

// ResemblesMetadata tells whether the first bytes of p begin LUKS2's JSON: an object with one of
// the mandatory sections first.
func ResemblesMetadata(p []byte) bool {
	if len(p) < 16 || p[0] != '{' || p[1] != '"' {
		return false
	}
	for _, section := range [...]string{"keyslots", "tokens", "segments", "digests", "config"} {
		if bytes.HasPrefix(p[2:], []byte(section+"\":{")) {
			return true
		}
	}
	return false
}

// restored returns p with the magic that belongs to its own hdr_offset.
func restored(p []byte) []byte {
	p = bytes.Clone(p)
	magic := luks2.PrimaryMagic
	if binary.BigEndian.Uint64(p[atOffset:]) != 0 {
		magic = luks2.SecondaryMagic
	}
	copy(p, magic)
	return p
}

// DecodeCopy reads one LUKS2 copy from p (hdr_size bytes or more), wherever it was found: it is
// taken to lie where it says itself. wiped tells that its magic was gone and that the copy,
// checksum and all, is in order with the magic put back. Errors are those of luks2.Decode.
func DecodeCopy(p []byte) (c luks2.Copy, wiped bool, err error) {
	if len(p) < luks2.BinarySize {
		return c, false, luks2.ErrMagic
	}
	at := binary.BigEndian.Uint64(p[atOffset:])
	if c, err = luks2.Decode(p, at); err == nil {
		return c, false, nil
	}
	if again, putBack := luks2.Decode(restored(p), at); putBack == nil {
		return again, true, nil
	}
	return c, false, err
}

// DecodeLUKS1 reads a LUKS1 header from p (1024 bytes or more), with or without its magic. There
// is no checksum: that every field makes sense is the proof.
func DecodeLUKS1(p []byte) (h luks1.Header, wiped bool, err error) {
	if len(p) < luks1.ReservedSize {
		return h, false, luks1.ErrShort
	}
	if h, err = luks1.Decode(p); err == nil {
		return h, false, h.Validate(0)
	}
	p = bytes.Clone(p[:luks1.ReservedSize])
	copy(p, luks2.PrimaryMagic)
	if h, err = luks1.Decode(p); err != nil {
		return h, false, err
	}
	return h, true, h.Validate(0)
}
