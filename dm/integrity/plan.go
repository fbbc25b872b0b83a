// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"math/bits"
)

// The kernel's own values for what is not given.
const (
	DefaultInterleave    = 32768  // sectors
	DefaultBuffer        = 128    // sectors
	defaultJournalMost   = 131072 // sectors
	defaultJournalShift  = 7      // of the data device
	defaultLog2PerBit    = 15     // sectors per bit of the bitmap
	leastLog2Interleave  = 3
	leastLog2Buffer      = 3
	mostLog2Buffer       = 22
	leastLog2ProvidedBit = 3
)

// Params are what a device is formatted with. Zeros stand for the kernel's own values.
type Params struct {
	TagSize           int    // bytes
	BlockSize         int    // bytes
	JournalSectors    uint64 // at most
	InterleaveSectors uint32
	BufferSectors     uint32
	Offset            uint64 // of the superblock, sectors
	Separate          bool   // tags and journal have a device of their own
	InternalHash      bool   // the kernel computes the tags
	JournalMAC        bool
	FixPadding        bool
	FixHMAC           bool
}

// Plan lays a device out as the kernel does that formats it. Sizes are in sectors; without a metadata device meta is
// the whole device, and data is not looked at. The salt is the caller's to fill in (where the flag FixHMAC is set).
func (p *Params) Plan(data, meta uint64) (*Layout, error) {
	if !p.Separate {
		data = meta
	}
	sb := Superblock{Version: 1, TagSize: uint16(min(p.TagSize, 1<<16-1)), JournalSections: 1, ProvidedSectors: 8}
	switch {
	case p.TagSize < 1 || p.TagSize > MaxTagSize:
		return nil, &FieldError{"tag size", p.TagSize, "it is 1 to 424 bytes"}
	case p.BlockSize != 0 && (bits.OnesCount(uint(p.BlockSize)) != 1 || p.BlockSize < 512 || p.BlockSize > 4096):
		return nil, &FieldError{"block size", p.BlockSize, "it is 512, 1024, 2048 or 4096 bytes"}
	case p.BlockSize != 0:
		sb.Log2Block = uint8(bits.TrailingZeros(uint(p.BlockSize / SectorSize)))
	}
	sb.Flags = p.flags()
	if !p.Separate {
		sb.Log2Interleave = log2Between(orDefault(p.InterleaveSectors, DefaultInterleave), leastLog2Interleave, maxLog2)
	}
	l, err := sb.Layout(p.Offset)
	if err != nil {
		return nil, err
	}
	wanted := p.JournalSectors
	if wanted == 0 {
		wanted = min(defaultJournalMost, data>>defaultJournalShift)
	}
	sections := max(1, wanted/l.SectionSectors)
	if sections >= 1<<32 {
		return nil, &FieldError{"journal size", p.JournalSectors, "there are too many sections"}
	}
	place := l.placeInterleaved
	if p.Separate {
		place = func(n uint64, meta uint64) error { return l.placeSeparate(n, data, meta, p.BufferSectors) }
	}
	if err := place(sections, meta); err != nil {
		return nil, err
	}
	l.Log2BlocksPerBit = l.log2BlocksPerBit(defaultLog2PerBit)
	l.setVersion(p.Separate)
	return l, nil
}

func (p *Params) flags() (f Flags) {
	if p.JournalMAC {
		f |= HaveJournalMAC
	}
	if p.FixPadding && !p.Separate {
		f |= FixPadding
	}
	if p.FixHMAC && (p.InternalHash || p.JournalMAC) {
		f |= FixHMAC
	}
	return f
}

func orDefault(n, otherwise uint32) uint32 {
	if n == 0 {
		return otherwise
	}
	return n
}

func log2Between(n uint32, least, most uint8) uint8 {
	return min(max(uint8(bits.Len32(n)-1), least), most)
}

// placeInterleaved finds the most data that fit with their tags.
func (l *Layout) placeInterleaved(sections, sectors uint64) error {
	l.setSections(sections)
	l.ProvidedSectors = 0
	for bit := bits.Len64(sectors) - 1; bit >= leastLog2ProvidedBit; bit-- {
		if more := l.ProvidedSectors | 1<<bit; l.fits(more, sectors) {
			l.ProvidedSectors = more
		}
	}
	if l.ProvidedSectors == 0 {
		return &SizeError{"data", sectors, l.Offset + l.Initial + l.MetadataRun + 8}
	}
	return nil
}

// placeSeparate takes the data device as it is, and finds the longest journal that leaves room for its tags.
func (l *Layout) placeSeparate(sections, data, meta uint64, buffer uint32) error {
	l.ProvidedSectors = data &^ (1<<l.Log2Block - 1)
	if l.ProvidedSectors == 0 {
		return &SizeError{"data", data, 1 << l.Log2Block}
	}
	for log2 := log2Between(orDefault(buffer, DefaultBuffer), 0, mostLog2Buffer); ; log2-- {
		most := uint64(0)
		for bit := bits.Len64(sections) - 1; bit >= 0; bit-- {
			more := most | 1<<bit
			if l.setSections(more); more <= sections && l.need(log2) <= meta {
				most = more
			}
		}
		l.setSections(most)
		if most > 0 {
			return nil
		}
		if log2 <= leastLog2Buffer {
			l.setSections(1)
			return &SizeError{"metadata", meta, l.need(leastLog2Buffer)}
		}
	}
}

func (l *Layout) setSections(n uint64) {
	l.JournalSections = uint32(n)
	l.Initial = SuperblockSectors + l.SectionSectors*n
}
