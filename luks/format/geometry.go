// SPDX-License-Identifier: Apache-2.0

package format

import (
	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Geometry is where the parts of a new LUKS2 volume lie, in bytes.
type Geometry struct {
	HeaderSize   uint64 // of one head
	KeyslotsSize uint64
	DataOffset   uint64 // 0 where detached and nothing else was asked for
}

// Room is the length of heads and keyslots area together.
func (g Geometry) Room() uint64 { return 2*g.HeaderSize + g.KeyslotsSize }

// geometryOf places the parts of a new LUKS2 volume whose metadata lies on a device of size bytes;
// 0 for a header file that is yet to be made. It refuses, with a GeometryError, what the format or
// the device cannot hold.
func geometryOf(o Options, size uint64) (Geometry, error) {
	g := Geometry{HeaderSize: o.MetadataSize, KeyslotsSize: o.KeyslotsSize, DataOffset: o.DataOffset}
	if g.HeaderSize == 0 {
		g.HeaderSize = DefaultHeaderSize
	}
	if !luks2.LegalSize(g.HeaderSize) {
		return g, fault.Geometry("metadata size", "%d bytes is none of 16 KiB to 4 MiB in powers of two", g.HeaderSize)
	}
	if g.KeyslotsSize == 0 {
		g.KeyslotsSize = defaultKeyslotsSize(o, g.HeaderSize, size)
	}
	if g.KeyslotsSize%luks2.AreaAlignment != 0 || g.KeyslotsSize > luks2.MaxKeyslotsSize {
		return g, fault.Geometry("keyslots size", "%d bytes", g.KeyslotsSize)
	}
	if !o.Detached && g.DataOffset == 0 {
		g.DataOffset = extent.Up(g.Room(), o.alignment()) + o.AlignmentOffset
	}
	return g, checkGeometry(g, o, size)
}

func (o Options) alignment() uint64 {
	if o.Alignment == 0 {
		return DefaultAlignment
	}
	return o.Alignment
}

// defaultKeyslotsSize fills what lies before the data, or before 16 MiB; a small device of its own
// for the header gives what it has.
func defaultKeyslotsSize(o Options, headerSize, size uint64) uint64 {
	room := uint64(DefaultHeaderRoom)
	if o.DataOffset != 0 { // with a detached header too: readers hold the one against the other
		room = o.DataOffset
	}
	if o.Detached && size != 0 {
		room = min(room, size)
	}
	if room < 2*headerSize {
		return 0
	}
	return min(luks2.AlignDown(room-2*headerSize), luks2.MaxKeyslotsSize)
}

func checkGeometry(g Geometry, o Options, size uint64) error {
	if g.DataOffset%512 != 0 {
		return fault.Geometry("data offset", "%d bytes is no multiple of 512", g.DataOffset)
	}
	if g.DataOffset != 0 && g.DataOffset < g.Room() {
		return fault.Geometry("data offset", "%d bytes lies inside the metadata, which takes %d",
			g.DataOffset, g.Room())
	}
	if err := g.fits(o, size); err != nil {
		return err
	}
	if err := g.wholeSectors(o, size); err != nil {
		return err
	}
	if g.KeyslotsSize < luks2.AreaSize(uint32(o.KeySize), 4000) {
		return fault.Geometry("keyslots area", "%d bytes cannot hold one keyslot", g.KeyslotsSize)
	}
	return nil
}

// wholeSectors refuses data that cannot be mapped in sectors of the size chosen: they must begin on one, and
// be a whole number of them. Sectors of 512 bytes always fit; a rest of a file is left out.
func (g Geometry) wholeSectors(o Options, size uint64) error {
	data := size
	if o.DataSize != 0 {
		data = o.DataSize
	}
	unit := uint64(o.SectorSize)
	if unit <= 512 || data == 0 || data < g.DataOffset {
		return nil
	}
	if g.DataOffset%unit != 0 || (data-g.DataOffset)%unit != 0 {
		return fault.Geometry("sectors", "%d bytes of data at byte %d are no sectors of %d",
			data-g.DataOffset, g.DataOffset, unit)
	}
	return nil
}

// VerySmall tells that few keyslots fit.
func (g Geometry) VerySmall() bool { return g.KeyslotsSize < smallKeyslotsLimit }

// fits refuses a metadata device of size bytes without room for header and keyslots, and a data
// device without room for data; 0 is an unknown size.
func (g Geometry) fits(o Options, size uint64) error {
	if size != 0 && g.Room() > size {
		return fault.Geometry("device", "%d bytes, the header takes %d", size, g.Room())
	}
	data := size
	if o.DataSize != 0 {
		data = o.DataSize
	}
	if !o.NoData && data != 0 && g.DataOffset >= data {
		return fault.Geometry("device", "%d bytes, the data would begin at %d", data, g.DataOffset)
	}
	return nil
}
