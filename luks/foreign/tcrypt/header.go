// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"cmp"
	"encoding/binary"
	"hash/crc32"
)

// Header are the fields of a decrypted header.
type Header struct {
	VeraCrypt     bool   // else TrueCrypt's
	Version       uint16 // 1 to 5
	Program       uint16 // least version of it: 0x010b is 1.11
	HiddenSize    uint64 // 0 if the volume is not hidden
	VolumeSize    uint64
	Start         uint64 // of the encrypted area
	EncryptedSize uint64
	Flags         uint32
	SectorSize    uint32 // that the volume was made for
}

// maxVersion is VeraCrypt's and TrueCrypt 7's.
const maxVersion = 5

// magic tells whether a decrypted header begins as one does: the wrong key makes it so once in 2³¹.
func magic(plain []byte) bool {
	m := string(plain[64:68])
	return m == "TRUE" || m == "VERA"
}

// sound compares both sums of a decrypted header.
func sound(plain []byte) bool {
	keys := crc32.ChecksumIEEE(plain[256:HeaderSize])
	fields := crc32.ChecksumIEEE(plain[64:252])
	old := binary.BigEndian.Uint16(plain[68:]) < 4
	return keys == binary.BigEndian.Uint32(plain[72:]) && (old || fields == binary.BigEndian.Uint32(plain[252:]))
}

// parse takes a decrypted header whose sums hold. The error is a FieldError.
func parse(plain []byte) (Header, error) {
	h := Header{
		VeraCrypt:     string(plain[64:68]) == "VERA",
		Version:       binary.BigEndian.Uint16(plain[68:]),
		Program:       binary.BigEndian.Uint16(plain[70:]),
		HiddenSize:    binary.BigEndian.Uint64(plain[92:]),
		VolumeSize:    binary.BigEndian.Uint64(plain[100:]),
		Start:         cmp.Or(binary.BigEndian.Uint64(plain[108:]), HeaderSize),
		EncryptedSize: binary.BigEndian.Uint64(plain[116:]),
		Flags:         binary.BigEndian.Uint32(plain[124:]),
		SectorSize:    cmp.Or(binary.BigEndian.Uint32(plain[128:]), unit),
	}
	return h, h.check()
}

func (h *Header) check() error {
	if h.Version < 1 || h.Version > maxVersion {
		return field("version", "%d", h.Version)
	}
	if s := h.SectorSize; s < unit || s > 4096 || s&(s-1) != 0 {
		return field("sector size", "%d", s)
	}
	for _, f := range []struct {
		name  string
		value uint64
	}{
		{"hidden size", h.HiddenSize}, {"volume size", h.VolumeSize}, {"start", h.Start},
	} {
		if f.value%unit != 0 || f.value >= 1<<63 {
			return field(f.name, "%d", f.value)
		}
	}
	return nil
}
