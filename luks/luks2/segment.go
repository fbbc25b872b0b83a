// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"encoding/json"
	"math"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// Segment is a part of the data device. Offsets and sizes in bytes.
type Segment struct {
	ID         int
	Type       string // "crypt", "linear", "hw-opal", "hw-opal-crypt" or one unknown here
	Offset     uint64
	Size       uint64 // 0 where Dynamic
	Dynamic    bool   // to the device's end
	IVTweak    uint64 // 512-byte sectors added to the IV number
	Encryption string
	SectorSize uint32 // bytes
	Flags      []string
	Integrity  *Integrity
	endless    bool // the text has a size that reaches past 64 bits; Size ends before
}

// Extent is where the segment lies; a dynamic one reaches to the end of all.
func (s Segment) Extent() Extent {
	if s.Dynamic {
		return Extent{Offset: s.Offset, Size: math.MaxUint64}
	}
	return Extent{Offset: s.Offset, Size: s.Size}
}

// bounded cuts a size that reaches past 64 bits down to whole sectors below that. Other readers take such a
// header for a sound one, and no device is as large: what computes with it here must not wrap.
func (s Segment) bounded() Segment {
	if room := math.MaxUint64 - s.Offset; s.Size > room {
		s.Size, s.endless = extent.Down(room, uint64(max(s.SectorSize, 512))), true
	}
	return s
}

// Integrity describes authenticated encryption of a segment.
type Integrity struct {
	Type              string `json:"type"`
	JournalEncryption string `json:"journal_encryption"`
	JournalIntegrity  string `json:"journal_integrity"`
	KeySize           uint32 `json:"key_size"` // bytes, 0 where not given
}

type segmentJSON struct {
	Type       string     `json:"type"`
	Offset     string     `json:"offset"`
	Size       string     `json:"size"`
	IVTweak    string     `json:"iv_tweak"`
	Encryption string     `json:"encryption"`
	SectorSize uint32     `json:"sector_size"`
	Flags      []string   `json:"flags"`
	Integrity  *Integrity `json:"integrity"`
}

const dynamic = "dynamic"

// Backup tells whether a flag makes this a backup segment, which holds no data of its own.
func (s Segment) Backup() bool {
	for _, flag := range s.Flags {
		if strings.HasPrefix(flag, "backup-") {
			return true
		}
	}
	return false
}

// HasFlag tells whether the segment carries the flag.
func (s Segment) HasFlag(flag string) bool {
	for _, f := range s.Flags {
		if f == flag {
			return true
		}
	}
	return false
}

// Segments returns every segment in the order of the text.
func (m *Metadata) Segments() []Segment {
	var segments []Segment
	for _, id := range m.segments.ids() {
		var raw segmentJSON
		if decode(m.segments.byID(id), &raw) != nil {
			continue
		}
		s := Segment{
			ID: id, Type: raw.Type, Encryption: raw.Encryption, SectorSize: raw.SectorSize,
			Flags: raw.Flags, Integrity: raw.Integrity, Dynamic: raw.Size == dynamic,
		}
		// Validated numbers; "dynamic" and an absent tweak read as 0.
		s.Offset, _ = strconv.ParseUint(raw.Offset, 10, 64)
		s.Size, _ = strconv.ParseUint(raw.Size, 10, 64)
		s.IVTweak, _ = strconv.ParseUint(raw.IVTweak, 10, 64)
		segments = append(segments, s.bounded())
	}
	return segments
}

// AddCrypt appends a segment of type "crypt" at the lowest free id and returns that.
func (m *Metadata) AddCrypt(s Segment) int {
	id := len(m.segments.members)
	s.Type, s.Flags = "crypt", nil
	m.segments.set(strconv.Itoa(id), s.encode().text())
	return id
}

// encode writes members in the order in which cryptsetup creates them.
func (s Segment) encode() *object {
	o := &object{}
	o.set("type", quote(s.Type))
	o.set("offset", number64(s.Offset))
	if s.Dynamic {
		o.set("size", quote(dynamic))
	} else {
		o.set("size", number64(s.Size))
	}
	if s.Type == "crypt" {
		o.set("iv_tweak", number64(s.IVTweak))
		o.set("encryption", quote(s.Encryption))
		o.set("sector_size", number(uint64(s.SectorSize)))
	}
	if s.Integrity != nil {
		o.set("integrity", s.Integrity.encode())
	}
	if len(s.Flags) > 0 {
		o.set("flags", list(s.Flags))
	}
	return o
}

func (i *Integrity) encode() json.RawMessage {
	o := &object{}
	o.set("type", quote(i.Type))
	o.set("journal_encryption", quote(i.JournalEncryption))
	o.set("journal_integrity", quote(i.JournalIntegrity))
	if i.KeySize != 0 {
		o.set("key_size", number(uint64(i.KeySize)))
	}
	return o.text()
}

// SetSegmentSize changes the size (bytes) of a segment; 0 makes it dynamic.
func (m *Metadata) SetSegmentSize(id int, size uint64) error {
	name := strconv.Itoa(id)
	if m.segments.get(name) == nil {
		return broken("segments."+name, "missing")
	}
	return m.segments.edit(name, func(o *object) error {
		if size == 0 {
			o.set("size", quote(dynamic))
		} else {
			o.set("size", number64(size))
		}
		return nil
	})
}

// DefaultSegment is the segment that describes the volume: "backup-final" while a reencryption
// runs, otherwise segment 0.
func (m *Metadata) DefaultSegment() (Segment, bool) {
	segments := m.Segments()
	for _, s := range segments {
		if s.HasFlag("backup-final") {
			return s, true
		}
	}
	for _, s := range segments {
		if s.ID == 0 {
			return s, true
		}
	}
	return Segment{}, false
}

// DataOffset is where data begins on the device, in bytes: the lowest offset of a regular segment
// or, during reencryption, that of "backup-final".
func (m *Metadata) DataOffset() uint64 {
	lowest, found := uint64(0), false
	for _, s := range m.Segments() {
		if s.HasFlag("backup-final") {
			return s.Offset
		}
		if !s.Backup() && (!found || s.Offset < lowest) {
			lowest, found = s.Offset, true
		}
	}
	return lowest
}

// DataSize is the length of the data in bytes; dynamic is true where it reaches to the device's
// end (and the size is that of the segments before the dynamic one).
func (m *Metadata) DataSize() (size uint64, dynamic bool) {
	for _, s := range m.Segments() {
		if s.Backup() {
			break
		}
		size += s.Size
		dynamic = dynamic || s.Dynamic
	}
	return size, dynamic
}
