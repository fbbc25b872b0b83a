// SPDX-License-Identifier: Apache-2.0

package far

import (
	"github.com/orthrus-luks/orthrus/luks/header"
)

// Update brings the body to what l announces, the successor of what was found: the locator (updating),
// what changes in the body, the locator (final), each synced and read back. target is the whole body as it
// is to be; bytes outside what changes are not looked at. Whether the place may be written is for the caller
// to have judged.
func Update(dev header.Device, l Locator, target []byte) error {
	if err := Announce(dev, l); err != nil {
		return err
	}
	return Fulfil(dev, l, target)
}

// UpdateSettled is Update where what was found is known to be durable.
func UpdateSettled(dev header.Device, l Locator, target []byte) error {
	if err := announce(dev, l); err != nil {
		return err
	}
	return Fulfil(dev, l, target)
}

// Announce writes the locator of an Update and no more. The one that was found must be durable before this
// one goes over what was true earlier.
func Announce(dev header.Device, l Locator) error {
	if err := header.Settle(dev); err != nil {
		return err
	}
	return announce(dev, l)
}

func announce(dev header.Device, l Locator) error {
	p, err := l.Encode()
	if err != nil {
		return err
	}
	return header.Commit(dev, "far header locator", l.Place.slot(l.Generation).Offset, p)
}

// Create makes a far header at a place that is free. l is what New returned. What may be left there of
// another one's locator is outdone by a greater generation.
func Create(dev header.Device, l Locator, body []byte) error {
	if before, _, err := readLocator(dev, l.Place.Locator); err == nil {
		l.Generation = before.Generation
	}
	l.Generation++
	return UpdateSettled(dev, l, body)
}

// Conclude carries out what was found announced. It writes the final locator that belongs to the
// announcement, so that nothing is taken back where that had been written already and cannot be read.
func Conclude(dev header.Device, l Locator, target []byte) error {
	if err := header.Settle(dev); err != nil {
		return err
	}
	return Fulfil(dev, l, target)
}

// Fulfil carries out what was announced.
func Fulfil(dev header.Device, l Locator, target []byte) error {
	var areas []header.Area
	for _, e := range coalesce(Changes(*l.Old, l.Contents)) {
		areas = append(areas, header.Area{
			What: "far header", Offset: l.Place.Body.Offset + e.Offset, Bytes: target[e.Offset:e.End()],
		})
	}
	if err := header.WriteAreas(dev, areas); err != nil {
		return err
	}
	return announce(dev, l.Final())
}

// Wipe overwrites a far header, which must have been found Whole, with zeros: parts first, locator
// last. Cut off anywhere, it is found Whole again, until nothing of it is left.
func Wipe(dev header.Device, f Found) error {
	l := f.Locator.Successor(Contents{SeqID: f.Locator.SeqID}, f.Locator.DeviceSize)
	if err := Announce(dev, l); err != nil {
		return err
	}
	var areas []header.Area
	for _, e := range coalesce(Changes(*l.Old, l.Contents)) {
		areas = append(areas, header.Area{
			What: "wiped far header", Offset: l.Place.Body.Offset + e.Offset, Bytes: make([]byte, e.Size),
		})
	}
	if err := header.WriteAreas(dev, areas); err != nil {
		return err
	}
	for _, generation := range []uint64{l.Generation + 1, l.Generation} { // the one that counts goes last
		at := l.Place.slot(generation).Offset
		if err := header.WriteArea(dev, "wiped far header locator", at, make([]byte, SlotSize)); err != nil {
			return err
		}
	}
	return nil
}
