// SPDX-License-Identifier: Apache-2.0

package far

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// A locator has two slots of SlotSize bytes, the second one SlotDistance behind the first: what misplaces
// a write, or spoils its neighbours, does not reach both.
const (
	SlotSize     = 4096
	SlotDistance = Alignment / 2
)

// MaxParts is the longest list: two heads and the area of each keyslot. An old list, with what is not
// known, may be longer: maxOldParts.
const (
	MaxParts    = 2 + luks2.MaxKeyslots
	maxOldParts = (atSum-atList)/entrySize - MaxParts
)

// The kinds of failure to read a locator. A LocatorError wraps one of them.
var (
	ErrNoLocator = errors.New("no locator") // the magic is missing
	ErrVersion   = errors.New("unsupported version")
	ErrSum       = errors.New("checksum mismatch")
	ErrField     = errors.New("impossible value")
)

// LocatorError says what is wrong with a locator.
type LocatorError struct {
	Offset uint64 // where it was read, bytes
	Kind   error
	Why    string // empty where Kind says it all
}

func (e *LocatorError) Error() string {
	text := fmt.Sprintf("far header locator at byte %d: %v", e.Offset, e.Kind)
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

func (e *LocatorError) Unwrap() error { return e.Kind }

// Part is one range of the body and its SHA-256, zeros where that is not known. Offset counts from the
// body's start, which stands for the device's start.
type Part struct {
	luks2.Extent
	Sum [sha256.Size]byte
}

// Contents tells what a body holds: the heads' sequence number, and every part in ascending order.
type Contents struct {
	SeqID uint64
	Parts []Part
}

// Locator says where a body lies and what it holds.
type Locator struct {
	// Generation grows by one with each write of the locator: of its two slots the greater one counts. Even
	// ones are in the first slot.
	Generation uint64
	UUID       string
	Place      Place
	DeviceSize uint64 // when it was written, bytes
	Contents
	// Old is what the body held before the update that is under way; nil in state final.
	Old *Contents
	// OldUUID is the volume's uuid before the update, which changes it; empty where it does not.
	OldUUID string
}

// New announces a far header that is to be made at a place where anything may lie now; Create writes it.
func New(uuid string, place Place, next Contents, deviceSize uint64) Locator {
	anything := Part{Extent: luks2.Extent{Size: place.Body.Size}}
	return Locator{
		UUID: uuid, Place: place, DeviceSize: deviceSize, Contents: next,
		Old: &Contents{Parts: []Part{anything}},
	}
}

// Updating tells that an update was announced and is not known to be over.
func (l Locator) Updating() bool { return l.Old != nil }

// Making tells that the far header is being made where none was: no heads have named it as the one in force.
func (l Locator) Making() bool {
	if l.Old == nil || l.Old.SeqID != 0 || len(l.Old.Parts) != 1 || len(l.Parts) == 0 {
		return false
	}
	all := l.Old.Parts[0]
	return !all.known() && all.Extent == luks2.Extent{Size: l.Place.Body.Size}
}

// Announces tells that the body is becoming next, for the volume of that uuid.
func (l Locator) Announces(next Contents, uuid string) bool {
	return l.Updating() && l.UUID == uuid && l.Contents.Equal(next)
}

// Final is the locator of the update when it is over.
func (l Locator) Final() Locator {
	l.Old, l.OldUUID = nil, ""
	l.Generation++
	return l
}

// Of tells whether the far header belongs to the volume of that uuid, which an update under way may be
// giving it, or taking from it.
func (l Locator) Of(uuid string) bool {
	return l.UUID == uuid || l.Old != nil && l.OldUUID != "" && l.OldUUID == uuid
}

// Successor announces that the body becomes next, on a device of deviceSize bytes. What an update that
// was cut off may have torn is then not known.
func (l Locator) Successor(next Contents, deviceSize uint64) Locator {
	old := l.Contents
	if l.Old != nil {
		old = Contents{SeqID: l.Old.SeqID, Parts: withUnknown(agreed(*l.Old, l.Contents), Changes(*l.Old, l.Contents))}
	}
	l.Generation++
	l.DeviceSize, l.Contents, l.Old, l.OldUUID = deviceSize, next, &old, ""
	return l
}

// Renamed announces a new uuid as well.
func (l Locator) Renamed(uuid string) Locator {
	if l.UUID != uuid {
		l.UUID, l.OldUUID = uuid, l.UUID
	}
	return l
}

// agreed are the parts that are the same in both.
func agreed(c, d Contents) []Part {
	var both []Part
	for _, p := range c.Parts {
		if d.has(p) {
			both = append(both, p)
		}
	}
	return both
}

// withUnknown adds the ranges, which no part overlaps, as parts of which nothing is known. Where that
// makes the list too long, nothing is known of all that lies between its ends.
func withUnknown(parts []Part, unknown []luks2.Extent) []Part {
	for _, e := range Coalesce(unknown) {
		parts = append(parts, Part{Extent: e})
	}
	sort.Slice(parts, func(i, j int) bool { return parts[i].Offset < parts[j].Offset })
	if len(parts) > maxOldParts {
		from := parts[0].Offset
		return []Part{{Extent: luks2.Extent{Offset: from, Size: parts[len(parts)-1].End() - from}}}
	}
	return parts
}

// Coalesce joins ranges that touch or overlap.
func Coalesce(list []luks2.Extent) []luks2.Extent {
	list = slices.Clone(list)
	sort.Slice(list, func(i, j int) bool { return list[i].Offset < list[j].Offset })
	var joined []luks2.Extent
	for _, e := range list {
		if n := len(joined); n > 0 && joined[n-1].End() >= e.Offset {
			joined[n-1].Size = max(joined[n-1].End(), e.End()) - joined[n-1].Offset
			continue
		}
		joined = append(joined, e)
	}
	return joined
}

func (c Contents) has(p Part) bool { return slices.Contains(c.Parts, p) }

// known tells whether the part has a sum.
func (p Part) known() bool { return p.Sum != [sha256.Size]byte{} }

// Equal compares number and parts.
func (c Contents) Equal(d Contents) bool {
	return c.SeqID == d.SeqID && slices.Equal(c.Parts, d.Parts)
}

// check tells what no honest writer puts into a list of at most limit parts.
func (c Contents) check(length uint64, limit int) string {
	if len(c.Parts) > limit {
		return fmt.Sprintf("%d parts", len(c.Parts))
	}
	end := uint64(0)
	for _, p := range c.Parts {
		if p.Size == 0 || p.Size%512 != 0 || p.Offset%512 != 0 || p.Offset < end || p.Offset > length ||
			length-p.Offset < p.Size {
			return fmt.Sprintf("part of %d bytes at %d of a body of %d", p.Size, p.Offset, length)
		}
		end = p.End()
	}
	return ""
}
