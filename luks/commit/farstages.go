// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"io"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// farUpdate brings the body to what l announces, the successor of what was found: the locator (updating), what
// changes in the body, the locator (final). target is the whole body as it is to be; bytes outside what
// changes are not looked at. Whether the place may be written is for the caller to have judged.
func farUpdate(l far.Locator, target []byte, holds luks2.Copy) ([]Stage, error) {
	announced, err := locatorStage(l, holds)
	if err != nil {
		return nil, err
	}
	fulfilled, err := farFulfil(l, target, holds)
	return append([]Stage{announced}, fulfilled...), err
}

// locatorStage writes one slot of the locator.
func locatorStage(l far.Locator, holds luks2.Copy) (Stage, error) {
	p, err := l.Encode()
	if err != nil {
		return Stage{}, err
	}
	return Stage{Areas: []Area{{"far header locator", l.Place.Slot(l.Generation).Offset, p}}, Firm: true, Holds: holds},
		nil
}

// farCreate makes a far header at a place that is free. l is what far.New returned. What may be left there of
// another one's locator is outdone by a greater generation.
func farCreate(dev io.ReaderAt, l far.Locator, body []byte, holds luks2.Copy) ([]Stage, error) {
	if before, _, err := far.ReadLocator(dev, l.Place.Locator); err == nil {
		l.Generation = before.Generation
	}
	l.Generation++
	return farUpdate(l, body, holds)
}

// farFulfil carries out what was announced. The final locator is the one that belongs to the announcement, so
// that nothing is taken back where it had been written already and cannot be read.
func farFulfil(l far.Locator, target []byte, holds luks2.Copy) ([]Stage, error) {
	body := Stage{Holds: holds}
	for _, e := range far.Coalesce(far.Changes(*l.Old, l.Contents)) {
		body.Areas = append(body.Areas, Area{"far header", l.Place.Body.Offset + e.Offset, target[e.Offset:e.End()]})
	}
	final, err := locatorStage(l.Final(), holds)
	return []Stage{body, final}, err
}

// farLeaves announces that a far header goes, which must have been found Whole; one that does already is left as it is,
// with the sums of what it was. l is the locator that counts then.
func farLeaves(f far.Found, holds luks2.Copy) (l far.Locator, announced []Stage, err error) {
	if f.Leaves() {
		return f.Locator, nil, nil
	}
	l = f.Locator.Successor(far.Contents{SeqID: f.Locator.SeqID}, f.Locator.DeviceSize)
	stage, err := locatorStage(l, holds)
	return l, []Stage{stage}, err
}

// farWipe overwrites a far header with zeros: keyslots first, then heads, which tell what the keyslots are while there
// is one, locator last. Cut off anywhere, it is found Whole again, until nothing of it is left.
func farWipe(f far.Found, holds luks2.Copy) ([]Stage, error) {
	l, stages, err := farLeaves(f, holds)
	if err != nil {
		return nil, err
	}
	var heads luks2.Extent
	if own, err := f.Head(); err == nil {
		heads.Size = 2 * own.Header.Size
	}
	changes := far.Changes(*l.Old, l.Contents)
	for _, which := range []func(luks2.Extent) bool{
		func(e luks2.Extent) bool { return !heads.Overlaps(e) },
		func(e luks2.Extent) bool { return heads.Overlaps(e) },
	} {
		if wiped := wipedParts(l.Place, changes, which); len(wiped.Areas) > 0 {
			wiped.Holds = holds
			stages = append(stages, wiped)
		}
	}
	return append(stages, locatorWiped(l, holds)...), nil
}

// locatorWiped wipes both slots of a locator, the one that counts last.
func locatorWiped(l far.Locator, holds luks2.Copy) (stages []Stage) {
	for _, generation := range []uint64{l.Generation + 1, l.Generation} {
		at := l.Place.Slot(generation).Offset
		stages = append(stages, Stage{
			Areas: []Area{{"wiped far header locator", at, make([]byte, far.SlotSize)}},
			Holds: holds,
		})
	}
	return stages
}

// wipedParts is the stage that wipes those of the ranges of a body.
func wipedParts(p far.Place, ranges []luks2.Extent, which func(luks2.Extent) bool) (s Stage) {
	var list []luks2.Extent
	for _, e := range ranges {
		if which(e) {
			list = append(list, e)
		}
	}
	for _, e := range far.Coalesce(list) {
		s.Areas = append(s.Areas, Area{"wiped far header", p.Body.Offset + e.Offset, make([]byte, e.Size)})
	}
	return s
}

// FarMaking is the plan that makes a far header at a place that is free; see farCreate.
func FarMaking(dev io.ReaderAt, l far.Locator, body []byte) (Plan, error) {
	stages, err := farCreate(dev, l, body, luks2.Copy{})
	return Plan{stages}, err
}
