// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Detour is new material for a keyslot in a keyslots area that has no second place for it.
type Detour struct {
	Expect   commit.Expect
	Keyslot  func(area luks2.Extent) luks2.Keyslot // its description, with the material there
	Size     uint64                                // of its area, bytes
	Material []byte
}

// HasFar tells whether the heads name a far header.
func HasFar(c luks2.Copy) bool {
	_, _, found, err := far.Find(c.Metadata)
	return found || err != nil
}

// PlanDetour plans to make the keyslots area longer for a while: the new material goes behind all others and
// is named, the old one is wiped, and then the areas move back into an area of the former length. It is a
// resize of the metadata area that ends where it began, and is logged and concluded as one. A far header is
// wiped meanwhile and made anew. Errors: a luks2.RoomError where there is no room for it before the data or
// the device's end, or for the note in the heads; those of PlanResize.
func PlanDetour(now luks2.Copy, d Detour, id int, deviceSize uint64) ([]Step, error) {
	to := SizesOf(now)
	longer := luks2.AlignUp(to.Keyslots) + d.Size
	if longest := layout.Longest(now, deviceSize); longer > longest {
		return nil, &luks2.RoomError{Kind: luks2.KeyslotsArea, Needed: longer, Available: longest}
	}
	if _, _, begun, err := FindLog(now.Metadata); err != nil || begun {
		return nil, fmt.Errorf("%w: the metadata area is being resized", far.ErrUnderWay)
	}
	if !HasFar(now) {
		return detour(now, d, id, to, longer, layout.Limit(now, deviceSize))
	}
	r, err := begin(now)
	if err != nil {
		return nil, err
	}
	t, old, err := r.rebuilding(to)
	if err != nil {
		return nil, err
	}
	if r.head, err = r.next(t, r.segment.Size); err != nil {
		return nil, err
	}
	steps, err := detour(r.head, d, id, to, longer, layout.Limit(now, deviceSize))
	if err != nil {
		return nil, err
	}
	return r.around(steps, old, t)
}

// detour begins with the commit that names the new material, and goes on as the resize that it notes.
func detour(now luks2.Copy, d Detour, id int, to Sizes, longer, limit uint64) ([]Step, error) {
	old, err := now.Metadata.Keyslot(id)
	if err != nil {
		return nil, err
	}
	next := now
	next.Metadata = next.Metadata.Clone()
	next.Metadata.SetSizes(next.Header.Size, longer)
	place := luks2.Extent{Offset: 2*to.Header + luks2.AlignUp(to.Keyslots), Size: d.Size}
	if err := next.Metadata.ReplaceKeyslot(d.Keyslot(place)); err != nil {
		return nil, err
	}
	left := luks2.Extent{Offset: old.Area.Offset, Size: old.Area.Size}
	if err := (Log{To: to, Left: left}).put(next.Metadata); err != nil {
		return nil, err
	}
	if _, err := luks2.Encode(next); err != nil {
		return nil, err
	}
	name := fmt.Sprintf("area of keyslot %d", id)
	wipe, err := commit.Noise(name, left)
	if err != nil {
		return nil, err
	}
	begin := heads(fmt.Sprintf("write keyslot %d to byte %d, behind the others, and note that it comes back", id,
		place.Offset), next)
	begin.Writes = append([]luks2.Extent{place}, append(begin.Writes, left)...)
	begin.Act = commit.Heads{Change: commit.Change{
		Expect: d.Expect, Next: next,
		Before: []commit.Area{{What: name, Offset: place.Offset, Bytes: d.Material}},
		After:  []commit.Area{wipe},
	}}
	rest, err := PlanResize(next, to, limit)
	return append([]Step{begin}, rest...), err
}
