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

// copies finds the material of keyslots, byte for byte, elsewhere between two bytes of the device. A move that was cut
// off leaves such a copy where no header names it, and it opens with what a header that was kept says of the keyslot.
// A part of one opens nothing: every byte of the material is needed. What cannot be read holds none.
func copies(dev header.Device, list []material, from, to uint64) []material {
	const piece, sector = 128 << 10, 512 // a piece that stays in a processor's cache
	var found []material
	p := make([]byte, piece)
	for at := from; at < to; at += piece {
		n := readAsCan(dev, p[:min(piece, to-at)], at)
		for i := 0; i+sector <= n; i += sector {
			for _, m := range list {
				if p[i] == m.bytes[0] && bytes.Equal(p[i:i+sector], m.bytes[:sector]) && m.lies(dev, at+uint64(i)) {
					found = append(found, material{m.id, luks2.Extent{Offset: at + uint64(i), Size: m.at.Size}, m.bytes})
				}
			}
		}
	}
	return found
}

// readAsCan reads what is readable of p, sector by sector where it must, and zeros for the rest.
func readAsCan(dev header.Device, p []byte, at uint64) int {
	if header.ReadFull(dev, p, at) == nil {
		return len(p)
	}
	for i := 0; i < len(p); i += 512 {
		end := min(i+512, len(p))
		if header.ReadFull(dev, p[i:end], at+uint64(i)) != nil {
			clear(p[i:end])
		}
	}
	return len(p)
}

// lies tells whether a copy begins at a byte that is not the keyslot's own.
func (m material) lies(dev header.Device, at uint64) bool {
	p := make([]byte, len(m.bytes))
	return at != m.at.Offset && header.ReadFull(dev, p, at) == nil && bytes.Equal(p, m.bytes)
}

// read fills in the material as it is. What is too short, or cannot be read, or holds nothing is left out.
func read(dev header.Device, list []material) []material {
	var known []material
	for _, m := range list {
		if m.at.Size < 512 || m.at.Size > luks2.MaxKeyslotsSize {
			continue
		}
		m.bytes = make([]byte, m.at.Size)
		if header.ReadFull(dev, m.bytes, m.at.Offset) == nil && !wiped(m.bytes[:512]) {
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
