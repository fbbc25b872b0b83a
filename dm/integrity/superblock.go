// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"encoding/binary"
	"fmt"
	"io"
	"strings"
)

// SectorSize is the unit of all sector numbers, bytes.
const SectorSize = 512

// SuperblockSectors is the room of a superblock.
const SuperblockSectors = 8

// MaxTagSize is the longest tag, bytes.
const MaxTagSize = 424

const (
	magic       = "integrt\x00"
	maxVersion  = 6
	maxLog2     = 31 // of interleaved sectors
	saltSize    = 16
	maxLogBlock = 3
)

// Flags are those of a superblock.
type Flags uint32

// The flags, in the order of their bits.
const (
	HaveJournalMAC Flags = 1 << iota
	Recalculating        // blocks from Recalculated on have no tags yet
	DirtyBitmap          // the journal's place holds a bitmap
	FixPadding           // runs of tags are padded to 4 KiB, not to 128
	FixHMAC              // tags and MACs begin with a salt
	Inline               // tags lie in the device's own metadata
)

func flagNames() []string {
	return []string{"have_journal_mac", "recalculating", "dirty_bitmap", "fix_padding", "fix_hmac", "inline"}
}

// Names lists the flags that are set, in the words of integritysetup.
func (f Flags) Names() (names []string) {
	for bit, name := range flagNames() {
		if f&(1<<bit) != 0 {
			names = append(names, name)
		}
	}
	return names
}

func (f Flags) String() string { return strings.Join(f.Names(), " ") }

// Superblock describes a device.
type Superblock struct {
	Version          uint8
	Log2Interleave   uint8 // of sectors; 0 with a metadata device
	TagSize          uint16
	JournalSections  uint32
	ProvidedSectors  uint64 // of data, 512-byte units
	Flags            Flags
	Log2Block        uint8  // of sectors per block
	Log2BlocksPerBit uint8  // of the bitmap
	Recalculated     uint64 // sectors; meaningful with Recalculating
	Salt             [saltSize]byte
}

// ReadSuperblock reads the superblock at an offset in sectors.
func ReadSuperblock(meta io.ReaderAt, offset uint64) (*Superblock, error) {
	raw := make([]byte, SectorSize)
	if n, err := meta.ReadAt(raw, int64(offset)*SectorSize); n < len(raw) {
		return nil, fmt.Errorf("integrity: reading the superblock at sector %d: %w", offset, err)
	}
	return ParseSuperblock(raw)
}

// ParseSuperblock reads the first 64 bytes of a superblock.
func ParseSuperblock(raw []byte) (*Superblock, error) {
	if len(raw) < 64 || string(raw[:8]) != magic {
		return nil, ErrNoSuperblock
	}
	sb := &Superblock{
		Version: raw[8], Log2Interleave: raw[9], TagSize: binary.LittleEndian.Uint16(raw[10:]),
		JournalSections: binary.LittleEndian.Uint32(raw[12:]), ProvidedSectors: binary.LittleEndian.Uint64(raw[16:]),
		Flags: Flags(binary.LittleEndian.Uint32(raw[24:])), Log2Block: raw[28], Log2BlocksPerBit: raw[29],
		Recalculated: binary.LittleEndian.Uint64(raw[32:]), Salt: [saltSize]byte(raw[48:]),
	}
	return sb, sb.check()
}

func (sb *Superblock) check() error {
	switch {
	case sb.Version == 0 || sb.Version > maxVersion:
		return &FieldError{"version", sb.Version, "it is 1 to 6"}
	case sb.Log2Block > maxLogBlock:
		return &FieldError{"log2 of sectors per block", sb.Log2Block, "it is at most 3"}
	case sb.TagSize == 0 || sb.TagSize > MaxTagSize:
		return &FieldError{"tag size", sb.TagSize, "it is 1 to 424 bytes"}
	case sb.Log2Interleave > maxLog2 || sb.Log2Interleave > 0 && sb.Log2Interleave < sb.Log2Block:
		return &FieldError{"log2 of interleaved sectors", sb.Log2Interleave, "it is 0, or 3 to 31"}
	case sb.Flags>>len(flagNames()) != 0:
		return &FieldError{"flags", uint32(sb.Flags), "there are unknown ones"}
	case sb.ProvidedSectors == 0 || sb.ProvidedSectors>>54 != 0 || sb.ProvidedSectors&(1<<sb.Log2Block-1) != 0:
		return &FieldError{"provided data sectors", sb.ProvidedSectors, "it is no number of whole blocks"}
	case sb.Flags&Inline == 0 && sb.JournalSections == 0:
		return &FieldError{"journal sections", sb.JournalSections, "there is at least one"}
	case sb.Log2BlocksPerBit > 63:
		return &FieldError{"log2 of blocks per bit", sb.Log2BlocksPerBit, "it is below 64"}
	}
	return nil
}

// Marshal returns the 4096 bytes of the superblock, with the MAC of a keyed journal where mac is not nil and the
// flags ask for it.
func (sb *Superblock) Marshal(mac *MAC) ([]byte, error) {
	if err := sb.check(); err != nil {
		return nil, err
	}
	raw := make([]byte, SuperblockSectors*SectorSize)
	copy(raw, magic)
	raw[8], raw[9], raw[28], raw[29] = sb.Version, sb.Log2Interleave, sb.Log2Block, sb.Log2BlocksPerBit
	binary.LittleEndian.PutUint16(raw[10:], sb.TagSize)
	binary.LittleEndian.PutUint32(raw[12:], sb.JournalSections)
	binary.LittleEndian.PutUint64(raw[16:], sb.ProvidedSectors)
	binary.LittleEndian.PutUint32(raw[24:], uint32(sb.Flags))
	binary.LittleEndian.PutUint64(raw[32:], sb.Recalculated)
	copy(raw[48:], sb.Salt[:])
	if mac != nil && sb.signed() {
		covered, sum := splitMAC(raw[:SectorSize], mac)
		copy(sum, mac.sum(covered))
	}
	return raw, nil
}

// signed tells whether the superblock carries a MAC.
func (sb *Superblock) signed() bool { return sb.Flags&HaveJournalMAC != 0 && sb.Flags&FixHMAC != 0 }

func splitMAC(sector []byte, mac *MAC) (covered, sum []byte) {
	at := len(sector) - min(mac.size(), len(sector)-64)
	return sector[:at], sector[at:]
}

// BlockSize is the unit of tags, bytes.
func (sb *Superblock) BlockSize() int { return SectorSize << sb.Log2Block }

// Separate tells whether tags and journal have a device of their own.
func (sb *Superblock) Separate() bool { return sb.Log2Interleave == 0 && sb.Flags&Inline == 0 }

// setVersion is the least version whose readers know all that is used, as the kernel has it.
func (sb *Superblock) setVersion(separate bool) {
	switch {
	case sb.Flags&Inline != 0:
		sb.Version = 6
	case sb.Flags&FixHMAC != 0:
		sb.Version = 5
	case sb.Flags&FixPadding != 0:
		sb.Version = 4
	case sb.Flags&DirtyBitmap != 0:
		sb.Version = 3
	case separate || sb.Flags&Recalculating != 0:
		sb.Version = 2
	default:
		sb.Version = 1
	}
}
