// SPDX-License-Identifier: Apache-2.0

package rescue

import (
	"cmp"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Find is one volume of which something is left.
type Find struct {
	Version int    `json:"version"`
	UUID    string `json:"uuid,omitempty"` // empty where it is lost
	Label   string `json:"label,omitempty"`
	SeqID   uint64 `json:"seqid"`
	// Base is where the volume's partition begins, in bytes from the start of the device; negative
	// where it began before it.
	Base     int64     `json:"base"`
	Pieces   []Piece   `json:"pieces"`
	Keyslots []Keyslot `json:"keyslots"`
	// Guessed: metadata does not say which of the two copies it was; the other guess is listed too.
	Guessed bool `json:"guessed,omitempty"`

	copy luks2.Copy
	old  luks1.Header
}

// Piece is what is left, and where.
type Piece struct {
	Kind   Kind   `json:"kind"`
	Offset int64  `json:"offset"` // bytes
	SeqID  uint64 `json:"seqid"`
}

// Keyslot is a keyslot of the find, with what its area looks like now.
type Keyslot struct {
	ID     int    `json:"id"`
	Offset int64  `json:"offset"` // bytes from the start of the device
	Size   uint64 `json:"size"`
	State  string `json:"state"` // "plausible", "damaged", "unreadable", "cut off", "not judged"
	Bound  bool   `json:"opens_data"`
}

// Usable counts the keyslots that may still open the data.
func (f Find) Usable() int {
	n := 0
	for _, k := range f.Keyslots {
		if k.Bound && (k.State == plausible || k.State == unjudged) {
			n++
		}
	}
	return n
}

const (
	plausible = "plausible"
	unjudged  = "not judged"
)

// assemble puts the pieces together and ranks what comes out.
func (s *search) assemble() []Find {
	finds := s.fromHeads()
	finds = append(finds, s.fromTexts(finds)...)
	for i := range finds {
		finds[i].Keyslots = s.keyslots(finds[i])
	}
	sort.SliceStable(finds, func(i, j int) bool { return compare(finds[i], finds[j]) < 0 })
	return finds
}

// fromHeads joins heads of one uuid that name the same place; each LUKS1 header stands alone.
func (s *search) fromHeads() []Find {
	var finds []Find
	for _, p := range s.pieces {
		switch p.kind {
		case Text:
		case LUKS1, LUKS1Gone:
			finds = append(finds, Find{
				Version: 1, UUID: p.old.UUID, Base: p.at, Pieces: []Piece{{p.kind, p.at, 0}},
				old: p.old,
			})
		default:
			i := slices.IndexFunc(finds, func(f Find) bool {
				return f.Version == 2 && f.Base == p.base() && f.UUID == p.copy.Header.UUID
			})
			if i < 0 {
				finds = append(finds, Find{Version: 2, Base: p.base()})
				i = len(finds) - 1
			}
			finds[i].join(p)
		}
	}
	return finds
}

// join adds a piece; the newest copy speaks for the volume.
func (f *Find) join(p piece) {
	f.Pieces = append(f.Pieces, Piece{p.kind, p.at, p.copy.Header.SeqID})
	if f.copy.Metadata == nil || header.Newer(p.copy.Header.SeqID, f.copy.Header.SeqID) {
		f.copy = p.copy
		f.UUID, f.Label, f.SeqID = p.copy.Header.UUID, p.copy.Header.Label, p.copy.Header.SeqID
	}
}

// fromTexts makes finds of metadata that no valid head covers.
func (s *search) fromTexts(heads []Find) []Find {
	var finds []Find
	for _, p := range s.pieces {
		if p.kind != Text || covered(heads, p) {
			continue
		}
		first, second, certain := s.bases(p)
		finds = add(finds, first, p, !certain)
		if !certain {
			finds = add(finds, second, p, true)
		}
	}
	return finds
}

func add(finds []Find, base int64, p piece, guessed bool) []Find {
	for i := range finds {
		if finds[i].Base == base && finds[i].copy.Metadata.Equal(p.copy.Metadata) {
			finds[i].Pieces = append(finds[i].Pieces, Piece{p.kind, p.at, 0})
			if finds[i].UUID == "" {
				finds[i].UUID, finds[i].copy.Header = p.copy.Header.UUID, p.copy.Header
			}
			return finds
		}
	}
	return append(finds, Find{
		Version: 2, UUID: p.copy.Header.UUID, Base: base, Guessed: guessed,
		Pieces: []Piece{{p.kind, p.at, 0}}, copy: p.copy,
	})
}

// covered: the text belongs to a head that is valid, or stands where the other copy of one was.
func covered(heads []Find, p piece) bool {
	for _, f := range heads {
		for _, h := range f.Pieces {
			if h.Offset == p.at-luks2.BinarySize {
				return true
			}
		}
		size := int64(p.copy.Header.Size)
		if f.Version == 2 && (f.Base == p.at-luks2.BinarySize || f.Base == p.at-luks2.BinarySize-size) {
			return true
		}
	}
	return false
}

// bases says where the partition begins if the text is the primary's or the secondary's, the
// likelier first: certain where the other copy's text stands beside it.
func (s *search) bases(p piece) (likely, other int64, certain bool) {
	size := int64(p.copy.Header.Size)
	asPrimary := p.at - luks2.BinarySize
	asSecondary := asPrimary - size
	for _, q := range s.pieces {
		if q.kind == Text && q.at == p.at+size {
			return asPrimary, asSecondary, true
		}
		if q.kind == Text && q.at == p.at-size {
			return asSecondary, asPrimary, true
		}
	}
	const alignment = 1 << 20
	if asSecondary%alignment == 0 && asPrimary%alignment != 0 {
		return asSecondary, asPrimary, false
	}
	return asPrimary, asSecondary, false
}

// compare ranks: what may still open before what does not, whole heads before remains, the
// device's start before other places, newer before older.
func compare(a, b Find) int {
	newer := 0
	if a.UUID == b.UUID && a.SeqID != b.SeqID {
		newer = 1
		if header.Newer(a.SeqID, b.SeqID) {
			newer = -1
		}
	}
	return cmp.Or(
		-compareBool(a.Usable() > 0, b.Usable() > 0),
		cmp.Compare(a.remains(), b.remains()),
		-compareBool(a.Base == 0, b.Base == 0),
		newer,
		-cmp.Compare(len(a.Pieces), len(b.Pieces)),
		0,
	)
}

// remains is how little is left: 0 for a head.
func (f Find) remains() int {
	least := 2
	for _, p := range f.Pieces {
		switch p.Kind {
		case Head, LUKS1:
			least = 0
		case Wiped, LUKS1Gone:
			least = min(least, 1)
		}
	}
	return least
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// keyslots looks at the areas where the find says they are.
func (s *search) keyslots(f Find) []Keyslot {
	list := []Keyslot{}
	if f.Version == 1 {
		for _, id := range f.old.EnabledKeyslots() {
			offset, length := f.old.Material(id)
			k := Keyslot{ID: id, Offset: f.Base + offset, Size: uint64(length), Bound: true}
			k.State = s.judge(k.Offset, length)
			list = append(list, k)
		}
		return list
	}
	data, _ := f.copy.Metadata.DefaultSegment()
	digest, _ := f.copy.Metadata.DigestOfSegment(data.ID)
	for _, slot := range f.copy.Metadata.Keyslots() {
		k := Keyslot{ID: slot.ID, Offset: f.Base + int64(slot.Area.Offset), Size: slot.Area.Size, State: unjudged}
		k.Bound = slot.Type == luks2.TypeLUKS2 && slices.Contains(digest.Keyslots, slot.ID)
		if slot.Type == luks2.TypeLUKS2 && slot.KeySize <= keyslot.MaxKeySize {
			spec := keyslot.Spec{KeySize: int(slot.KeySize), Stripes: luks1.Stripes}
			k.State = s.judge(k.Offset, min(int64(spec.MaterialSize()), int64(slot.Area.Size)))
		}
		list = append(list, k)
	}
	return list
}

func (s *search) judge(at, length int64) string {
	if at < 0 || at+length > s.size {
		return "cut off"
	}
	material := s.whole(at, uint64(length))
	switch {
	case material == nil:
		return "unreadable"
	case keyslot.Damaged(material) >= 0:
		return "damaged"
	}
	return plausible
}
