// SPDX-License-Identifier: Apache-2.0

package far

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Length is that of the body for heads of that metadata, bytes.
func Length(c luks2.Copy) uint64 { return c.Metadata.KeyslotsExtent(c.Header.Size).End() }

// Layout lists what a body of such heads holds, ascending: primary, secondary, and each keyslot area,
// overlapping or misplaced ones refused with a LocatorError.
func Layout(c luks2.Copy) ([]luks2.Extent, error) {
	size := c.Header.Size
	list := []luks2.Extent{{Size: size}, {Offset: size, Size: size}}
	for _, k := range c.Metadata.Keyslots() {
		list = append(list, luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size})
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Offset < list[j].Offset })
	contents := Contents{}
	for _, e := range list {
		contents.Parts = append(contents.Parts, Part{Extent: e})
	}
	if why := contents.check(Length(c), MaxParts); why != "" {
		return nil, &LocatorError{Kind: ErrField, Why: why}
	}
	return list, nil
}

// Image builds the body from source, which holds the device's first bytes as they are or are going to
// be: what lies in no part becomes zero.
func Image(source []byte, layout []luks2.Extent) []byte {
	body := make([]byte, len(source))
	for _, e := range layout {
		copy(body[e.Offset:e.End()], source[e.Offset:e.End()])
	}
	return body
}

// Sums tells what the body holds whose heads have that sequence number and those parts.
func Sums(body []byte, layout []luks2.Extent, seqID uint64) Contents {
	c := Contents{SeqID: seqID}
	for _, e := range layout {
		c.Parts = append(c.Parts, Part{e, sha256.Sum256(body[e.Offset:e.End()])})
	}
	return c
}

// Mismatch is a range of the body that is not as the locator says.
type Mismatch struct {
	luks2.Extent      // in the body
	Part         bool // of a part; otherwise bytes that must be zero
}

func (m Mismatch) String() string {
	if m.Part {
		return fmt.Sprintf("part of %d bytes at %d has another sum", m.Size, m.Offset)
	}
	return fmt.Sprintf("%d bytes at %d are not all zero", m.Size, m.Offset)
}

// Verify compares every byte of the body with what the locator says. While an update is announced,
// what it changes is not judged. The body is Place.Body.Size bytes long.
func (l Locator) Verify(body []byte) []Mismatch {
	firm, open := l.Parts, []luks2.Extent(nil)
	if l.Old != nil {
		firm, open = agreed(*l.Old, l.Contents), Changes(*l.Old, l.Contents)
	}
	var wrong []Mismatch
	for _, p := range firm {
		if sha256.Sum256(body[p.Offset:p.End()]) != p.Sum {
			wrong = append(wrong, Mismatch{p.Extent, true})
		}
	}
	for _, gap := range gaps(extents(firm), open, uint64(len(body))) {
		if !zero(body[gap.Offset:gap.End()]) {
			wrong = append(wrong, Mismatch{gap, false})
		}
	}
	return wrong
}

func extents(parts []Part) []luks2.Extent {
	var list []luks2.Extent
	for _, p := range parts {
		list = append(list, p.Extent)
	}
	return list
}

// Changes lists the parts of either that are not the same in both; they may overlap. An update writes
// these ranges and no others.
func Changes(old, next Contents) []luks2.Extent {
	var list []luks2.Extent
	for _, p := range next.Parts {
		if !old.has(p) {
			list = append(list, p.Extent)
		}
	}
	for _, p := range old.Parts {
		if !next.has(p) && !slices.Contains(list, p.Extent) {
			list = append(list, p.Extent)
		}
	}
	return list
}

// gaps lists the ranges of length bytes that neither list covers.
func gaps(a, b []luks2.Extent, length uint64) []luks2.Extent {
	all := slices.Concat(a, b)
	sort.Slice(all, func(i, j int) bool { return all[i].Offset < all[j].Offset })
	var list []luks2.Extent
	at := uint64(0)
	for _, e := range all {
		if e.Offset > at {
			list = append(list, luks2.Extent{Offset: at, Size: e.Offset - at})
		}
		at = max(at, e.End())
	}
	if at < length {
		list = append(list, luks2.Extent{Offset: at, Size: length - at})
	}
	return list
}

// Differing lists the parts of contents whose bytes in source, the device's start, are not those the
// sums tell of: damage there, where the far header is the one in force.
func (c Contents) Differing(source []byte) []luks2.Extent {
	var list []luks2.Extent
	for _, p := range c.Parts {
		if p.End() > uint64(len(source)) || !bytes.Equal(p.Sum[:], sum(source[p.Offset:p.End()])) {
			list = append(list, p.Extent)
		}
	}
	return list
}

func sum(p []byte) []byte {
	s := sha256.Sum256(p)
	return s[:]
}
