// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"encoding/binary"
)

// Sizes in bytes.
const (
	BinarySize = 4096     // the binary header of a copy, before its JSON area
	MinSize    = 0x4000   // smallest hdr_size
	MaxSize    = 0x400000 // largest hdr_size

	SaltSize     = 64
	checksumSize = 64
	LabelSize    = 48 // label and subsystem, the terminating NUL included
)

// Where the fields lie; the diagram is in doc.go.
const (
	atMagic     = 0
	atVersion   = 6
	atSize      = 8
	atSeqID     = 16
	atLabel     = 24
	atAlgorithm = 72
	atSalt      = 104
	atUUID      = 168
	atSubsystem = 208
	atOffset    = 256
	atChecksum  = 448
	endChecksum = atChecksum + checksumSize
)

// The magic of each copy.
const (
	PrimaryMagic   = "LUKS\xba\xbe"
	SecondaryMagic = "SKUL\xba\xbe"
)

// Sizes returns the nine legal values of hdr_size in ascending order; each is also an offset at
// which a secondary may lie.
func Sizes() []uint64 {
	var sizes []uint64
	for size := uint64(MinSize); size <= MaxSize; size *= 2 {
		sizes = append(sizes, size)
	}
	return sizes
}

// LegalSize tells whether size (bytes) is one of the nine.
func LegalSize(size uint64) bool {
	return size >= MinSize && size <= MaxSize && size&(size-1) == 0
}

// Header is the binary header of one copy. Strings are without their NULs.
type Header struct {
	Size      uint64 // hdr_size, bytes
	SeqID     uint64
	Label     string
	Algorithm string // checksum hash
	Salt      [SaltSize]byte
	UUID      string
	Subsystem string
	Offset    uint64 // hdr_offset, bytes
}

// Secondary tells which of the two copies the header belongs to.
func (h Header) Secondary() bool { return h.Offset != 0 }

// DecodeHeader reads the binary header found at byte offset `at` of the device; p holds at least
// its first 512 bytes. What it checks, in order: magic, version, hdr_offset, hdr_size. The
// checksum needs the whole copy: see Decode.
func DecodeHeader(p []byte, at uint64) (Header, error) {
	if len(p) < endChecksum {
		return Header{}, damaged(ErrMagic, "magic", "only %d bytes", len(p))
	}
	h := Header{
		Size:      binary.BigEndian.Uint64(p[atSize:]),
		SeqID:     binary.BigEndian.Uint64(p[atSeqID:]),
		Label:     cString(p[atLabel:atAlgorithm]),
		Algorithm: cString(p[atAlgorithm:atSalt]),
		UUID:      cString(p[atUUID:atSubsystem]),
		Subsystem: cString(p[atSubsystem:atOffset]),
		Offset:    binary.BigEndian.Uint64(p[atOffset:]),
	}
	copy(h.Salt[:], p[atSalt:])
	return h, checkHeader(h, p, at)
}

func checkHeader(h Header, p []byte, at uint64) error {
	if magic := magicAt(at); string(p[:len(magic)]) != magic {
		return damaged(ErrMagic, "magic", "found % x", p[:len(magic)])
	}
	if version := binary.BigEndian.Uint16(p[atVersion:]); version != 2 {
		return damaged(ErrVersion, "version", "%d", version)
	}
	if h.Offset != at {
		return damaged(ErrOffset, "hdr_offset", "%d, found at %d", h.Offset, at)
	}
	if h.Size < MinSize || h.Size > MaxSize {
		return damaged(ErrSize, "hdr_size", "%d bytes", h.Size)
	}
	if at != 0 && h.Size != at {
		return damaged(ErrSize, "hdr_size", "%d bytes in the secondary at %d", h.Size, at)
	}
	return nil
}

func magicAt(offset uint64) string {
	if offset == 0 {
		return PrimaryMagic
	}
	return SecondaryMagic
}

// append puts the 4096 bytes of h on p, checksum zero.
func (h Header) append(p []byte) []byte {
	start := len(p)
	p = append(p, make([]byte, BinarySize)...)
	out := p[start:]
	copy(out[atMagic:], magicAt(h.Offset))
	binary.BigEndian.PutUint16(out[atVersion:], 2)
	binary.BigEndian.PutUint64(out[atSize:], h.Size)
	binary.BigEndian.PutUint64(out[atSeqID:], h.SeqID)
	copy(out[atLabel:atAlgorithm-1], h.Label)
	copy(out[atAlgorithm:atSalt-1], h.Algorithm)
	copy(out[atSalt:], h.Salt[:])
	copy(out[atUUID:atSubsystem-1], h.UUID)
	copy(out[atSubsystem:atOffset-1], h.Subsystem)
	binary.BigEndian.PutUint64(out[atOffset:], h.Offset)
	return p
}

// cString cuts at the first NUL; a field without one loses its last byte, as readers of the
// format force the terminator.
func cString(field []byte) string {
	if i := bytes.IndexByte(field, 0); i >= 0 {
		return string(field[:i])
	}
	return string(field[:len(field)-1])
}
