// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// FarUpdate brings the body to what l announces, the successor of what was found: the locator (updating),
// what changes in the body, the locator (final), each synced and read back. target is the whole body as it
// is to be; bytes outside what changes are not looked at. Whether the place may be written is for the caller
// to have judged.
func FarUpdate(dev header.Device, l far.Locator, target []byte) error {
	if err := FarAnnounce(dev, l); err != nil {
		return err
	}
	return FarFulfil(dev, l, target)
}

// FarUpdateSettled is Update where what was found is known to be durable.
func FarUpdateSettled(dev header.Device, l far.Locator, target []byte) error {
	if err := announce(dev, l); err != nil {
		return err
	}
	return FarFulfil(dev, l, target)
}

// FarAnnounce writes the locator of an Update and no more. The one that was found must be durable before this
// one goes over what was true earlier.
func FarAnnounce(dev header.Device, l far.Locator) error {
	if err := Settle(dev); err != nil {
		return err
	}
	return announce(dev, l)
}

func announce(dev header.Device, l far.Locator) error {
	p, err := l.Encode()
	if err != nil {
		return err
	}
	return Commit(dev, "far header locator", l.Place.Slot(l.Generation).Offset, p)
}

// FarCreate makes a far header at a place that is free. l is what New returned. What may be left there of
// another one's locator is outdone by a greater generation.
func FarCreate(dev header.Device, l far.Locator, body []byte) error {
	if before, _, err := far.ReadLocator(dev, l.Place.Locator); err == nil {
		l.Generation = before.Generation
	}
	l.Generation++
	return FarUpdateSettled(dev, l, body)
}

// FarConclude carries out what was found announced. It writes the final locator that belongs to the
// announcement, so that nothing is taken back where that had been written already and cannot be read.
func FarConclude(dev header.Device, l far.Locator, target []byte) error {
	if err := Settle(dev); err != nil {
		return err
	}
	return FarFulfil(dev, l, target)
}

// FarFulfil carries out what was announced.
func FarFulfil(dev header.Device, l far.Locator, target []byte) error {
	var areas []Area
	for _, e := range far.Coalesce(far.Changes(*l.Old, l.Contents)) {
		areas = append(areas, Area{
			What: "far header", Offset: l.Place.Body.Offset + e.Offset, Bytes: target[e.Offset:e.End()],
		})
	}
	if err := WriteAreas(dev, areas); err != nil {
		return err
	}
	return announce(dev, l.Final())
}

// FarWipe overwrites a far header, which must have been found Whole, with zeros: parts first, locator
// last. Cut off anywhere, it is found Whole again, until nothing of it is left.
func FarWipe(dev header.Device, f far.Found) error {
	l := f.Locator.Successor(far.Contents{SeqID: f.Locator.SeqID}, f.Locator.DeviceSize)
	if err := FarAnnounce(dev, l); err != nil {
		return err
	}
	var areas []Area
	for _, e := range far.Coalesce(far.Changes(*l.Old, l.Contents)) {
		areas = append(areas, Area{
			What: "wiped far header", Offset: l.Place.Body.Offset + e.Offset, Bytes: make([]byte, e.Size),
		})
	}
	if err := WriteAreas(dev, areas); err != nil {
		return err
	}
	for _, generation := range []uint64{l.Generation + 1, l.Generation} { // the one that counts goes last
		at := l.Place.Slot(generation).Offset
		if err := WriteArea(dev, "wiped far header locator", at, make([]byte, far.SlotSize)); err != nil {
			return err
		}
	}
	return nil
}
