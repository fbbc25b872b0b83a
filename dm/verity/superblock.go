// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// SuperblockSize is the length of a superblock in bytes.
const SuperblockSize = 512

const (
	magic         = "verity\x00\x00"
	algorithmSize = 32
)

// Superblock describes an image on its hash device.
type Superblock struct {
	Params
	UUID [16]byte // in the order in which it is read
}

// ReadSuperblock reads the superblock at an offset in bytes, which is a multiple of 512.
func ReadSuperblock(hash io.ReaderAt, offset int64) (*Superblock, error) {
	if offset%512 != 0 || offset < 0 {
		return nil, &FieldError{"hash offset", offset, "it is a multiple of 512"}
	}
	raw := make([]byte, SuperblockSize)
	if n, err := hash.ReadAt(raw, offset); n < len(raw) {
		return nil, fmt.Errorf("verity: reading the superblock at byte %d: %w", offset, err)
	}
	return ParseSuperblock(raw)
}

// ParseSuperblock reads the 512 bytes of a superblock. What fills it up is not looked at, as no tool does.
func ParseSuperblock(raw []byte) (*Superblock, error) {
	if len(raw) < SuperblockSize || string(raw[:8]) != magic {
		return nil, ErrNoSuperblock
	}
	if version := binary.LittleEndian.Uint32(raw[8:]); version != 1 {
		return nil, &FieldError{"version", version, "it is 1"}
	}
	sb := &Superblock{Params: Params{
		Format:        binary.LittleEndian.Uint32(raw[12:]),
		Algorithm:     parseAlgorithm(raw[32 : 32+algorithmSize]),
		DataBlockSize: binary.LittleEndian.Uint32(raw[64:]),
		HashBlockSize: binary.LittleEndian.Uint32(raw[68:]),
		DataBlocks:    binary.LittleEndian.Uint64(raw[72:]),
	}}
	copy(sb.UUID[:], raw[16:])
	size := binary.LittleEndian.Uint16(raw[80:])
	if size <= MaxSaltSize {
		sb.Salt = bytes.Clone(raw[88 : 88+int(size)])
	}
	if err := sb.Check(); err != nil {
		return nil, err
	}
	if size > MaxSaltSize {
		return nil, &FieldError{"salt length", size, "it is at most 256 bytes"}
	}
	return sb, nil
}

// parseAlgorithm keeps what the tools read: up to the first NUL, and not the last byte.
func parseAlgorithm(field []byte) string {
	name, _, _ := bytes.Cut(field[:algorithmSize-1], []byte{0})
	return string(name)
}

// Marshal returns the 512 bytes of the superblock.
func (sb *Superblock) Marshal() ([]byte, error) {
	if err := sb.Check(); err != nil {
		return nil, err
	}
	name := strings.ToLower(sb.Algorithm)
	if len(name) >= algorithmSize {
		return nil, &FieldError{"hash", name, "the name is too long for a superblock"}
	}
	raw := make([]byte, SuperblockSize)
	copy(raw, magic)
	binary.LittleEndian.PutUint32(raw[8:], 1)
	binary.LittleEndian.PutUint32(raw[12:], sb.Format)
	copy(raw[16:32], sb.UUID[:])
	copy(raw[32:], name)
	binary.LittleEndian.PutUint32(raw[64:], sb.DataBlockSize)
	binary.LittleEndian.PutUint32(raw[68:], sb.HashBlockSize)
	binary.LittleEndian.PutUint64(raw[72:], sb.DataBlocks)
	binary.LittleEndian.PutUint16(raw[80:], uint16(len(sb.Salt)))
	copy(raw[88:], sb.Salt)
	return raw, nil
}
