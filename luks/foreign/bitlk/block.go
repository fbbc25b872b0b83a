// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"encoding/binary"
	"hash/crc32"
	"time"
)

// BlockSize is how much of the device each copy of the metadata has, bytes.
const BlockSize = 65536

const (
	metadataAt     = 64  // metadata header
	entriesAt      = 112 // first entry
	validationHead = 8
	sealedHash     = 80 // bytes of the entry behind it
)

// settled is the state of a volume whose conversion is done.
const settled = 4

// stateName is what is known of the numbers of states.
func stateName(state uint16) string {
	switch state {
	case 1:
		return "decrypted"
	case 2:
		return "converting"
	case settled:
		return "encrypted"
	case 5:
		return "paused"
	}
	return "unknown"
}

// Block is a copy of the metadata, decoded.
type Block struct {
	Present, Next uint16 // states
	Encrypted     uint64 // bytes
	Offsets       [copiesKept]uint64
	Moved         Extent // where the first sectors lie
	GUID          GUID
	NextNonce     uint32
	Method        Method
	Created       time.Time
	Description   string
	VMKs          []*VMK
	FVEK          *Sealed // nil where there is none

	covered []byte  // what CRC and hash are of
	hash    *Sealed // the hash
}

// Extent is a range of the device, bytes.
type Extent struct{ Offset, Size uint64 }

// End is the first byte behind it.
func (e Extent) End() uint64 { return e.Offset + e.Size }

// Decode reads a copy of BlockSize bytes, whose sums come before its fields. sectorSize is the volume's. The error
// is ErrNotBitLocker where there is no copy, else a FieldError.
func Decode(p []byte, sectorSize int) (*Block, error) {
	b := &Block{}
	if len(p) < BlockSize || string(p[:8]) != signature {
		return nil, ErrNotBitLocker
	}
	err := b.validate(p[:BlockSize])
	if err == nil {
		err = b.readHeaders(sectorSize)
	}
	var list []entry
	if err == nil {
		list, err = parseEntries("entries", b.covered[entriesAt:metadataAt+b.metadataSize()])
	}
	for i := 0; i < len(list) && err == nil; i++ {
		err = b.take(list[i])
	}
	if err != nil {
		return nil, err
	}
	return b, nil
}

// validate compares the CRC and finds the sealed hash.
func (b *Block) validate(p []byte) (err error) {
	le := binary.LittleEndian
	size := int(le.Uint16(p[8:])) * 16
	if size < entriesAt+entryHead || size+validationHead+sealedHash > BlockSize {
		return field("size", "%d bytes", size)
	}
	if v := le.Uint16(p[10:]); v != 2 {
		return field("version", "%d, not 2", v)
	}
	var validation []byte
	b.covered, validation = p[:size], p[size:]
	if n := int(le.Uint16(validation)); n < validationHead+sealedHash || n > len(validation) {
		return field("validation size", "%d bytes", n)
	}
	if v := le.Uint16(validation[2:]); v > 2 {
		return field("validation version", "%d", v)
	}
	if want, got := le.Uint32(validation[4:]), crc32.ChecksumIEEE(b.covered); want != got {
		return field("CRC", "%08x, computed %08x", want, got)
	}
	entry := validation[validationHead : validationHead+sealedHash]
	if le.Uint16(entry) != sealedHash || le.Uint16(entry[4:]) != valueSealed {
		return field("validation", "it is no sealed hash")
	}
	b.hash, err = parseSealed("validation", entry[entryHead:])
	return err
}

func (b *Block) metadataSize() int { return int(binary.LittleEndian.Uint32(b.covered[64:])) }

// readHeaders reads both headers.
func (b *Block) readHeaders(sectorSize int) error {
	le, p := binary.LittleEndian, b.covered
	size := le.Uint32(p[64:])
	switch {
	case size < entriesAt-metadataAt+4 || int64(size) > int64(len(p)-metadataAt):
		return field("metadata size", "%d bytes", size)
	case le.Uint32(p[68:]) != 1:
		return field("metadata version", "%d, not 1", le.Uint32(p[68:]))
	case le.Uint32(p[72:]) != entriesAt-metadataAt:
		return field("metadata header size", "%d bytes", le.Uint32(p[72:]))
	case le.Uint32(p[76:]) != size:
		return field("metadata size", "%d bytes, the second time %d", size, le.Uint32(p[76:]))
	}
	b.Present, b.Next, b.Encrypted = le.Uint16(p[12:]), le.Uint16(p[14:]), le.Uint64(p[16:])
	for i := range b.Offsets {
		b.Offsets[i] = le.Uint64(p[32+8*i:])
	}
	b.Moved = Extent{Offset: le.Uint64(p[56:]), Size: uint64(le.Uint32(p[28:])) * uint64(sectorSize)}
	copy(b.GUID[:], p[80:])
	b.NextNonce, b.Method, b.Created = le.Uint32(p[96:]), Method(le.Uint16(p[100:])), ticks(le.Uint64(p[104:]))
	return nil
}

// take reads what is known of one entry. The first FVEK counts.
func (b *Block) take(e entry) (err error) {
	switch {
	case e.is(typeVMK, valueVMK):
		if len(b.VMKs) == maxVMKs {
			return field("VMK", "more than %d", maxVMKs)
		}
		var v *VMK
		v, err = parseVMK(e.data)
		b.VMKs = append(b.VMKs, v)
	case e.is(typeFVEK, valueSealed) && b.FVEK == nil:
		b.FVEK, err = parseSealed("FVEK", e.data)
	case e.is(typeDescription, valueText):
		b.Description = text(e.data)
	case e.is(typeMoved, valueMoved):
		if len(e.data) < 16 {
			return field("moved sectors", "an entry of %d bytes", len(e.data))
		}
		le := binary.LittleEndian
		b.Moved = Extent{Offset: le.Uint64(e.data), Size: le.Uint64(e.data[8:])}
	}
	return err
}
