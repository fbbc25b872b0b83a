// SPDX-License-Identifier: Apache-2.0

package luks1

import (
	"bytes"
	"encoding/binary"
	"strings"
)

const (
	magic   = "LUKS\xBA\xBE"
	version = 1
)

// Byte offsets of the fields (specification, figure 1 and 2).
const (
	offVersion          = 6
	offCipherName       = 8
	offCipherMode       = 40
	offHashSpec         = 72
	offPayloadOffset    = 104
	offKeyBytes         = 108
	offDigest           = 112
	offDigestSalt       = 132
	offDigestIterations = 164
	offUUID             = 168
	offKeyslots         = 208

	slotFlag       = 0
	slotIterations = 4
	slotSalt       = 8
	slotOffset     = 40
	slotStripes    = 44
	slotSize       = 48
)

// text is a field that holds a C string.
type text struct {
	name      string
	off, size int
	value     func(*Header) *string
}

func texts() [4]text {
	return [4]text{
		{"cipherName", offCipherName, 32, func(h *Header) *string { return &h.CipherName }},
		{"cipherMode", offCipherMode, 32, func(h *Header) *string { return &h.CipherMode }},
		{"hashSpec", offHashSpec, 32, func(h *Header) *string { return &h.HashSpec }},
		{"uuid", offUUID, 40, func(h *Header) *string { return &h.UUID }},
	}
}

// Decode reads a header from the first bytes of b. It looks at magic, version and the ends of
// strings only; Validate judges the rest. Errors are FieldErrors.
func Decode(b []byte) (Header, error) {
	var h Header
	if err := identify(b); err != nil {
		return h, err
	}
	for _, f := range texts() {
		field := b[f.off : f.off+f.size]
		end := bytes.IndexByte(field, 0)
		if end < 0 {
			return Header{}, fieldError(ErrInvalid, f.name, "no NUL within %d bytes", f.size)
		}
		*f.value(&h) = string(field[:end])
	}
	h.PayloadOffset = binary.BigEndian.Uint32(b[offPayloadOffset:])
	h.KeyBytes = binary.BigEndian.Uint32(b[offKeyBytes:])
	copy(h.Digest[:], b[offDigest:])
	copy(h.DigestSalt[:], b[offDigestSalt:])
	h.DigestIterations = binary.BigEndian.Uint32(b[offDigestIterations:])
	for i := range h.Keyslots {
		h.Keyslots[i] = decodeKeyslot(b[offKeyslots+i*slotSize:])
	}
	return h, nil
}

func identify(b []byte) error {
	if len(b) < len(magic) || string(b[:len(magic)]) != magic {
		return fieldError(ErrMagic, "magic", "")
	}
	if len(b) < HeaderSize {
		return fieldError(ErrShort, "header", "%d of %d bytes", len(b), HeaderSize)
	}
	if v := binary.BigEndian.Uint16(b[offVersion:]); v != version {
		return fieldError(ErrVersion, "version", "%d", v)
	}
	return nil
}

func decodeKeyslot(b []byte) Keyslot {
	k := Keyslot{
		Flag:       Flag(binary.BigEndian.Uint32(b[slotFlag:])),
		Iterations: binary.BigEndian.Uint32(b[slotIterations:]),
		Offset:     binary.BigEndian.Uint32(b[slotOffset:]),
		Stripes:    binary.BigEndian.Uint32(b[slotStripes:]),
	}
	copy(k.Salt[:], b[slotSalt:])
	return k
}

// Encode returns the two sectors of the header; the bytes behind it are zeros. A string that
// does not fit, or holds a NUL, is a FieldError.
func (h Header) Encode() ([]byte, error) {
	b := make([]byte, ReservedSize)
	if err := h.put(b); err != nil {
		return nil, err
	}
	return b, nil
}

// put writes the fields over b and leaves every byte that already says the same as it is.
func (h Header) put(b []byte) error {
	copy(b, magic)
	binary.BigEndian.PutUint16(b[offVersion:], version)
	for _, f := range texts() {
		if err := putText(b[f.off:f.off+f.size], f.name, *f.value(&h)); err != nil {
			return err
		}
	}
	binary.BigEndian.PutUint32(b[offPayloadOffset:], h.PayloadOffset)
	binary.BigEndian.PutUint32(b[offKeyBytes:], h.KeyBytes)
	copy(b[offDigest:], h.Digest[:])
	copy(b[offDigestSalt:], h.DigestSalt[:])
	binary.BigEndian.PutUint32(b[offDigestIterations:], h.DigestIterations)
	for i, k := range h.Keyslots {
		k.put(b[offKeyslots+i*slotSize:])
	}
	return nil
}

func putText(field []byte, name, value string) error {
	if len(value) >= len(field) || strings.IndexByte(value, 0) >= 0 {
		return fieldError(ErrInvalid, name, "%d bytes do not fit in %d", len(value)+1, len(field))
	}
	if end := bytes.IndexByte(field, 0); end >= 0 && string(field[:end]) == value {
		return nil
	}
	clear(field[copy(field, value):])
	return nil
}

func (k Keyslot) put(b []byte) {
	binary.BigEndian.PutUint32(b[slotFlag:], uint32(k.Flag))
	binary.BigEndian.PutUint32(b[slotIterations:], k.Iterations)
	copy(b[slotSalt:slotSalt+SaltSize], k.Salt[:])
	binary.BigEndian.PutUint32(b[slotOffset:], k.Offset)
	binary.BigEndian.PutUint32(b[slotStripes:], k.Stripes)
}
