// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"math"
	"math/bits"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// Layout is where everything of a device lies. Sectors have 512 bytes.
type Layout struct {
	Superblock
	Offset         uint64 // of the superblock, sectors
	EntrySize      uint64 // of the journal, bytes
	SectionEntries uint64
	SectionSectors uint64
	Initial        uint64 // superblock and journal, sectors
	MetadataRun    uint64 // tags of one area, sectors; 0 with a metadata device
}

// Layout computes where things lie, without regard to what the devices hold.
func (sb *Superblock) Layout(offset uint64) (*Layout, error) {
	if err := sb.check(); err != nil {
		return nil, err
	}
	if offset >= 1<<50 {
		return nil, &FieldError{"offset", offset, "no device is that long"}
	}
	l := &Layout{Superblock: *sb, Offset: offset}
	l.measureJournal()
	l.Initial = SuperblockSectors + l.SectionSectors*uint64(sb.JournalSections)
	if !sb.Separate() && sb.Flags&Inline == 0 {
		padding := uint64(131072)
		if sb.Flags&FixPadding != 0 {
			padding = 4096
		}
		l.MetadataRun = extent.Up(uint64(sb.TagSize)<<(sb.Log2Interleave-sb.Log2Block), padding) / SectorSize
	}
	return l, nil
}

func (l *Layout) measureJournal() {
	payload := uint64(journalPayload)
	if l.Flags&HaveJournalMAC != 0 {
		payload -= macPerSector
	}
	l.EntrySize = extent.Up(8+8<<l.Log2Block+uint64(l.TagSize), 8)
	l.SectionEntries = payload / l.EntrySize * metadataSectors
	l.SectionSectors = metadataSectors + l.SectionEntries<<l.Log2Block
}

// DataByte is where the data of a logical sector begin on the data device, bytes.
func (l *Layout) DataByte(sector uint64) int64 {
	switch {
	case l.Flags&Inline != 0:
		return int64(l.Offset+SuperblockSectors+sector) * SectorSize
	case l.Separate():
		return int64(sector) * SectorSize
	}
	area := sector >> l.Log2Interleave
	return int64(l.Offset+l.Initial+sector+(area+1)*l.MetadataRun) * SectorSize
}

// TagByte is where the tag of a block begins on the metadata device; sector is the block's first.
func (l *Layout) TagByte(sector uint64) int64 {
	base, within := int64(l.Offset+l.Initial)*SectorSize, sector
	if !l.Separate() {
		area := sector >> l.Log2Interleave
		base += int64(area<<l.Log2Interleave+area*l.MetadataRun) * SectorSize
		within -= area << l.Log2Interleave
	}
	return base + int64(within>>l.Log2Block)*int64(l.TagSize)
}

// untilArea is how many sectors from one on have their tags behind each other.
func (l *Layout) untilArea(sector uint64) uint64 {
	left := l.ProvidedSectors - sector
	if l.Separate() || l.Flags&Inline != 0 {
		return left
	}
	interleave := uint64(1) << l.Log2Interleave
	return min(left, interleave-sector&(interleave-1))
}

// CheckSize tells whether all that the superblock speaks of lies on the devices; sizes in sectors. Without a
// metadata device both are the same.
func (l *Layout) CheckSize(data, meta uint64) error {
	if l.Separate() && l.ProvidedSectors > data {
		return &SizeError{"data", data, l.ProvidedSectors}
	}
	switch {
	case l.Flags&Inline != 0:
		if need := l.Offset + SuperblockSectors + l.ProvidedSectors; need > meta {
			return &SizeError{"data", meta, need}
		}
	case l.Separate():
		if need := l.need(0); need > meta {
			return &SizeError{"metadata", meta, need}
		}
	case !l.fits(l.ProvidedSectors, meta):
		return &SizeError{Device: "data", Have: meta}
	}
	if bitmap := l.BitmapBits(); l.Flags&DirtyBitmap != 0 && bitmap > l.JournalSectors()*SectorSize*8 {
		return &FieldError{"log2 of blocks per bit", l.Log2BlocksPerBit, "the bitmap does not fit"}
	}
	return nil
}

// need is how many sectors of a metadata device are used, where the tags are read by 2^log2Buffer sectors.
func (l *Layout) need(log2Buffer uint8) uint64 {
	tags := l.ProvidedSectors >> l.Log2Block * uint64(l.TagSize)
	return l.Initial + extent.Up(tags, SectorSize<<log2Buffer)/SectorSize
}

// fits is CheckSize for a number of provided sectors that may be anything.
func (l *Layout) fits(provided, sectors uint64) bool {
	area := (provided - 1) >> l.Log2Interleave
	runs, tags := bits.Mul64(area+1, l.MetadataRun)
	if runs != 0 {
		return false
	}
	last, over := bits.Add64(provided-1+l.Offset+l.Initial, tags, 0)
	return over == 0 && last < sectors
}

// BitmapBits is how many bits the bitmap has.
func (l *Layout) BitmapBits() uint64 {
	blocks := l.ProvidedSectors >> l.Log2Block
	if l.Log2BlocksPerBit >= 63 {
		return 1
	}
	return (blocks + 1<<l.Log2BlocksPerBit - 1) >> l.Log2BlocksPerBit
}

// JournalByte is where the journal begins, bytes.
func (l *Layout) JournalByte() int64 { return int64(l.Offset+SuperblockSectors) * SectorSize }

// JournalSectors is the journal's length.
func (l *Layout) JournalSectors() uint64 { return l.SectionSectors * uint64(l.JournalSections) }

// log2BlocksPerBit is what the kernel stores at format: 32768 sectors a bit, or as many as make the bitmap fit.
func (l *Layout) log2BlocksPerBit(log2Sectors uint8) uint8 {
	log2Sectors = max(log2Sectors, l.Log2Block)
	room := min(l.JournalSectors()*SectorSize*8, math.MaxUint32)
	for room > 0 && room < (l.ProvidedSectors+1<<log2Sectors-1)>>log2Sectors {
		log2Sectors++
	}
	return log2Sectors - l.Log2Block
}
