// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// FarEvidence is what was found of the third copy near the device's end.
type FarEvidence struct {
	far.Judgement
	Token    far.Token
	HasToken bool
	Recorded far.Found      // at the place that the heads name; its body is not needed
	Damaged  []int          // keyslots whose material is damaged on the device, and whole there
	Left     []luks2.Extent // see far.Found.Left
	Severed  bool           // see far.Evidence
	Unclear  []int          // see far.Status
	// Lost is what lies at the device's end where no head is valid.
	Lost *far.Found
}

// FarReport is what the report says of it. Offsets and sizes are in bytes.
type FarReport struct {
	Standing  string     `json:"standing"`
	Why       string     `json:"why,omitempty"`
	Place     *FarPlace  `json:"place,omitempty"`
	Damaged   []int      `json:"mendable_keyslots,omitempty"`
	Unclear   []int      `json:"unclear_keyslots,omitempty"`
	Revoked   int        `json:"revoked_keyslots,omitempty"`
	Forgotten []FarPlace `json:"forgotten,omitempty"`
}

// What Standing says of a far header where no head at the start is valid.
const (
	OnlyCopy      = "the only copy"
	WithoutHeader = "without a header" // no head in it is left either
)

// FarPlace is one far header.
type FarPlace struct {
	Body    uint64 `json:"body_offset"`
	Length  uint64 `json:"body_length"`
	Locator uint64 `json:"locator_offset"`
	State   string `json:"state"`
	SeqID   uint64 `json:"seqid"`
}

func farPlace(f far.Found) FarPlace {
	return FarPlace{f.Place.Body.Offset, f.Place.Body.Size, f.Place.Locator, f.State.String(), f.Locator.SeqID}
}

// judgeFar reports on the far header of a volume with a valid head.
func (r *Report) judgeFar(e *FarEvidence) {
	if e == nil || e.Standing == far.None && len(e.Forgotten) == 0 {
		return
	}
	one := &FarReport{Standing: e.Standing.String(), Damaged: e.Damaged, Unclear: e.Unclear, Revoked: len(e.Revoked)}
	if e.Why != nil {
		one.Why = e.Why.Error()
	}
	if e.HasToken && !e.Token.Far.None() {
		place := farPlace(e.Recorded)
		one.Place = &place
	}
	for _, f := range e.Forgotten {
		one.Forgotten = append(one.Forgotten, farPlace(f))
	}
	r.Far = one
	r.farFindings(e)
}

const reachesOver = "the data segment reaches over the far header"

// judgeReach holds the data against the far header that the heads name, whether that was looked at or not. In the
// middle of a transaction its place may be one to come.
func (r *Report) judgeReach(e Evidence, m *luks2.Metadata) {
	t, _, found, err := far.Find(m)
	settled := found && (t.Phase == far.Stable || t.Phase == far.AwaitingCut)
	if err != nil || !settled || t.Far.None() || far.DataEnd(m, e.Size) <= t.Far.Start() {
		return
	}
	if e.Far == nil {
		r.add(Healable, reachesOver)
	}
	r.misfits = append(r.misfits, reachesOver)
}

func (r *Report) farFindings(e *FarEvidence) {
	switch {
	case e.Why != nil:
		r.add(Healable, e.Why.Error())
	case e.Standing == far.Stale:
		r.add(Healable, "the far header is stale: another tool changed the header; far sync brings it into step")
	case e.Standing == far.Interrupted:
		r.add(Healable, "an update of the far header was cut off; far sync finishes it")
	}
	if e.Severed {
		r.add(Healable, fmt.Sprintf("the far header's body is still there, with key material, from byte %d on: far "+
			"disable wipes it", e.Token.Far.Start()))
	}
	if len(e.Unclear) > 0 {
		r.add(Healable, fmt.Sprintf("the far header's body is still there, %d bytes from byte %d on, and may "+
			"have the last whole copy of %s, which is not that on the device", e.Token.Far.Body.Size,
			e.Token.Far.Start(), luks2.NameKeyslots(e.Unclear)))
	}
	if e.Exposed {
		r.add(Healable, reachesOver)
	}
	if e.Covered {
		r.add(Healable, "a mapping reaches over the far header: it was opened by an older tool")
	}
	if len(e.Revoked) > 0 {
		r.add(Healable,
			fmt.Sprintf("the far header holds the material of %d keyslots that the header does not have any more",
				len(e.Revoked)))
	}
	for _, l := range e.Left {
		r.add(Healable, fmt.Sprintf("bytes %d to %d still hold the material of a keyslot that has gone, which an old "+
			"header opens: a change was cut off; far sync overwrites it", l.Offset, l.End()-1))
	}
	for _, id := range e.Damaged {
		r.add(Healable,
			fmt.Sprintf("keyslot %d is not what it was when the far header copied it, which repair can bring back", id))
	}
	for _, f := range e.Forgotten {
		r.add(Healable, fmt.Sprintf("a forgotten far header with key material lies at byte %d, seqid %d",
			f.Place.Start(), f.Locator.SeqID))
	}
}

// judgeLostFar tells of a far header that can bring a lost header back.
func (r *Report) judgeLostFar(e *FarEvidence) {
	if e == nil || e.Lost == nil {
		return
	}
	f := *e.Lost
	r.UUID = f.Locator.UUID
	place := farPlace(f)
	r.Far = &FarReport{Standing: OnlyCopy, Place: &place}
	if !f.Usable() {
		r.Far.Standing = WithoutHeader
		r.add(Lost, fmt.Sprintf("the far header at byte %d is damaged or was never finished: no header is left in it",
			f.Place.Start()))
		return
	}
	r.add(Lost, fmt.Sprintf("the far header at byte %d, seqid %d, is %v: repair --from-far brings the header back",
		f.Place.Start(), f.Locator.SeqID, f.State))
}

// farRegions are those of the picture.
func farRegions(r Report) []Region {
	if r.Far == nil {
		return nil
	}
	var list []Region
	places := r.Far.Forgotten
	if r.Far.Place != nil {
		places = append([]FarPlace{*r.Far.Place}, places...)
	}
	for i, p := range places {
		one := Region{Kind: FarHeader, Offset: p.Body, Size: p.Length, Name: "far header", Keyslot: -1}
		if i > 0 || r.Far.Place == nil {
			one.Name = "forgotten far header"
		}
		if p.State != far.Whole.String() {
			one.Damaged, one.Why = true, p.State
		}
		locator := one
		locator.Name += "'s locator"
		list = append(list, one)
		for _, at := range []uint64{p.Locator, p.Locator + far.SlotDistance} {
			locator.Offset, locator.Size = at, far.SlotSize
			list = append(list, locator)
		}
	}
	return list
}
