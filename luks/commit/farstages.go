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

// farWipe overwrites a far header, which must have been found Whole, with zeros: parts first, locator
// last. Cut off anywhere, it is found Whole again, until nothing of it is left.
func farWipe(f far.Found, holds luks2.Copy) ([]Stage, error) {
	l := f.Locator.Successor(far.Contents{SeqID: f.Locator.SeqID}, f.Locator.DeviceSize)
	announced, err := locatorStage(l, holds)
	if err != nil {
		return nil, err
	}
	body := Stage{Holds: holds}
	for _, e := range far.Coalesce(far.Changes(*l.Old, l.Contents)) {
		body.Areas = append(body.Areas, Area{"wiped far header", l.Place.Body.Offset + e.Offset, make([]byte, e.Size)})
	}
	stages := []Stage{announced, body}
	for _, generation := range []uint64{l.Generation + 1, l.Generation} { // the one that counts goes last
		at := l.Place.Slot(generation).Offset
		stages = append(stages, Stage{
			Areas: []Area{{"wiped far header locator", at, make([]byte, far.SlotSize)}},
			Holds: holds,
		})
	}
	return stages, nil
}

// FarMaking is the plan that makes a far header at a place that is free; see farCreate.
func FarMaking(dev io.ReaderAt, l far.Locator, body []byte) (Plan, error) {
	stages, err := farCreate(dev, l, body, luks2.Copy{})
	return Plan{stages}, err
}
