// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// mostSearched is how far copies are looked for, in bytes: metadata end before that, whatever the data's offset is.
const mostSearched = 2*luks2.MaxSize + luks2.MaxKeyslotsSize

// material is what a keyslot's area holds.
type material struct {
	id    int
	at    luks2.Extent // bytes
	bytes []byte
}

// sectorSize is what copies are aligned to at least, and what is looked at of them, in bytes.
const sectorSize = 512

// copies finds the material of keyslots, byte for byte, elsewhere between two bytes of the device. A move that was cut
// off leaves such a copy where no header names it, and it opens with what a header that was kept says of the keyslot.
// A part of one opens nothing: every byte of the material is needed. What cannot be read holds none.
func copies(dev header.Device, list []material, from, to uint64) []material {
	var found []material
	for _, m := range list {
		for _, at := range m.elsewhere(dev, from, to) {
			found = append(found, material{m.id, luks2.Extent{Offset: at, Size: m.at.Size}, m.bytes})
		}
	}
	return found
}

// elsewhere lists the bytes between two where a copy begins that is not the keyslot's own. One sector is read of each
// run of as many as the material has: a whole copy has just one of these, and it says which of its own it is.
func (m material) elsewhere(dev header.Device, from, to uint64) (list []uint64) {
	known, run := m.sectors(), uint64(len(m.bytes)/sectorSize*sectorSize)
	p := make([]byte, sectorSize)
	for at := from; at < to+run; at += run {
		if header.ReadFull(dev, p, at) != nil {
			continue
		}
		for _, i := range known[[8]byte(p)] {
			if start := at - i; at >= from+i && start < to && start != m.at.Offset && m.lies(dev, start) {
				list = append(list, start)
			}
		}
	}
	return list
}

// sectors says where in the material, in bytes, the sectors are that begin with those bytes.
func (m material) sectors() map[[8]byte][]uint64 {
	known := make(map[[8]byte][]uint64, len(m.bytes)/sectorSize)
	for i := 0; i+sectorSize <= len(m.bytes); i += sectorSize {
		head := [8]byte(m.bytes[i:])
		known[head] = append(known[head], uint64(i))
	}
	return known
}

// lies tells whether a copy begins at a byte.
func (m material) lies(dev header.Device, at uint64) bool {
	first := make([]byte, sectorSize)
	if header.ReadFull(dev, first, at) != nil || !bytes.Equal(first, m.bytes[:sectorSize]) {
		return false
	}
	p := make([]byte, len(m.bytes))
	return header.ReadFull(dev, p, at) == nil && bytes.Equal(p, m.bytes)
}

// read fills in the material as it is. What is too short, or cannot be read, or holds nothing is left out.
func read(dev header.Device, list []material) []material {
	var known []material
	for _, m := range list {
		if m.at.Size < sectorSize || m.at.Size > luks2.MaxKeyslotsSize {
			continue
		}
		m.bytes = make([]byte, m.at.Size)
		if header.ReadFull(dev, m.bytes, m.at.Offset) == nil && !wiped(m.bytes[:sectorSize]) {
			known = append(known, m)
		}
	}
	return known
}

// overwriting is what overwrites them.
func overwriting(list []material) ([]Area, error) {
	var areas []Area
	for _, m := range list {
		a, err := Noise(fmt.Sprintf("copy of keyslot %d", m.id), m.at)
		if err != nil {
			return nil, err
		}
		areas = append(areas, a)
	}
	return areas, nil
}

// copies are what overwrites the copies of material that a change from now to next takes away, at places that neither
// names. They go first: without the keyslot nobody finds them.
func (s *Session) copies(now, next luks2.Copy) ([]Area, error) {
	var list []material
	for _, r := range revokedBy(now, next) {
		list = append(list, material{id: r.slot.ID, at: r.area()})
	}
	if list = read(s.dev, list); len(list) == 0 {
		return nil, nil
	}
	var free []material
	for _, m := range copies(s.dev, list, 2*now.Header.Size, min(layout.Limit(now, s.size()), mostSearched)) {
		if layout.Before(now, next, s.size(), m.at) == nil && layout.After(now, next, s.size(), m.at) == nil {
			free = append(free, m)
		}
	}
	return overwriting(free)
}

// OverwriteCopies does so for one keyslot, before steps that take it away.
func (s *Session) OverwriteCopies(id int) error {
	next := s.Now()
	if err := next.Metadata.RemoveKeyslot(id); err != nil {
		return err
	}
	areas, err := s.copies(s.choice.Copy, next)
	for _, a := range areas {
		err = errors.Join(err, s.aside(a))
	}
	return err
}

// takenAway is the material that a change takes away.
func takenAway(now, next luks1.Header) (list []material) {
	for _, id := range now.EnabledKeyslots() {
		if k := next.Keyslots[id]; !k.Enabled() || k.Salt != now.Keyslots[id].Salt {
			offset, length := now.Material(id)
			list = append(list, material{id: id, at: luks2.Extent{Offset: uint64(offset), Size: uint64(length)}})
		}
	}
	return list
}

// copies does so for LUKS1.
func (s *Session1) copies(next luks1.Header) ([]Area, error) {
	list := takenAway(s.now, next)
	if list = read(s.dev, list); len(list) == 0 {
		return nil, nil
	}
	size := uint64(max(s.dev.Size(), 0))
	var free []material
	for _, m := range copies(s.dev, list, luks1.ReservedSize, min(layout.Limit1(s.now, size), mostSearched)) {
		if layout.Before1(s.now, next, size, m.at) == nil && layout.After1(next, size, m.at) == nil {
			free = append(free, m)
		}
	}
	return overwriting(free)
}
