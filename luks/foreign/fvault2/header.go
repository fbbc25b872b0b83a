// SPDX-License-Identifier: Apache-2.0

package fvault2

import (
	"encoding/binary"
	"hash/crc32"
)

// HeaderSize is that of the header of the physical volume, bytes.
const HeaderSize = 512

// record is an on-disk structure, long enough for every field that is asked of it.
type record []byte

func (r record) u16(at int) uint16 { return binary.LittleEndian.Uint16(r[at:]) }
func (r record) u32(at int) uint32 { return binary.LittleEndian.Uint32(r[at:]) }
func (r record) u64(at int) uint64 { return binary.LittleEndian.Uint64(r[at:]) }

// sound tells whether the checksum at the beginning holds.
func (r record) sound() bool {
	sum := ^crc32.Checksum(r[8:], crc32.MakeTable(crc32.Castagnoli))
	return r.u64(0) == (1<<32-1)<<32|uint64(sum)
}

// Header is that of the physical volume.
type Header struct {
	Size      uint64   // of the physical volume, bytes
	BlockSize uint64   // bytes
	Labels    []uint64 // offsets, bytes
	UUID      [16]byte
	Group     [16]byte

	key []byte // of the metadata
}

// maxBlock is far beyond every device; a number of blocks times their size stays in 64 bits.
const maxBlock = 1 << 40

// ParseHeader reads HeaderSize bytes. Errors: ErrNotFileVault, a FieldError, a VersionError.
func ParseHeader(p []byte) (*Header, error) {
	r := record(p)
	b := r.u32(96)
	switch {
	case r.u16(88) != 'C'|'S'<<8 || r.u16(10) != 0x10:
		return nil, ErrNotFileVault
	case !r.sound():
		return nil, wrong("checksum of the header")
	case r.u16(8) != 1:
		return nil, &VersionError{r.u16(8)}
	case b < 512 || b > 64<<10 || b&(b-1) != 0:
		return nil, wrong("block size")
	case r.u64(168) != 16|2<<32:
		return nil, unsupported("cipher")
	}
	h := &Header{
		Size: r.u64(64), BlockSize: uint64(b), UUID: [16]byte(r[304:320]), Group: [16]byte(r[320:336]),
		key: append(append([]byte{}, r[176:192]...), r[304:320]...),
	}
	for i := range 4 {
		n := r.u64(104 + 8*i)
		if n > maxBlock {
			return nil, wrong("block of a label")
		}
		if n > 0 {
			h.Labels = append(h.Labels, n*h.BlockSize)
		}
	}
	return h, nil
}
