// SPDX-License-Identifier: Apache-2.0

package restore

import (
	"bytes"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// LUKS1 says how the header now, on dev, becomes the one of a backup. LUKS1 has one header and fixed places, so
// a keyslot whose contents differ stands in a free keyslot until its own place has been rewritten: at
// each instant the old or the new set of passphrases opens. Where no keyslot is free for that, the
// error is luks2.ErrNoRoom. What no header knows is wiped. had is the backup's header and next the same, with the
// places that material has on the device.
func LUKS1(dev io.ReaderAt, now luks1.Header, backup io.ReaderAt, had, next luks1.Header) ([]commit.Change1, error) {
	materials, err := materials1(backup, had)
	if err != nil {
		return nil, err
	}
	return plan1(now, next, materials, found1{
		same:    func(id int) bool { return holds1(dev, now, next, id, materials[id]) },
		remains: func(id int) bool { return remains(dev, extent1(now, id)).Size > 0 },
	})
}

func extent1(h luks1.Header, id int) luks2.Extent {
	offset, length := h.Material(id)
	return luks2.Extent{Offset: uint64(offset), Size: uint64(length)}
}

// materials1 reads the key material of every enabled keyslot.
func materials1(dev io.ReaderAt, h luks1.Header) (map[int][]byte, error) {
	all := map[int][]byte{}
	for _, id := range h.EnabledKeyslots() {
		e := extent1(h, id)
		all[id] = make([]byte, e.Size)
		if err := header.ReadFull(dev, all[id], e.Offset); err != nil {
			return nil, fmt.Errorf("keyslot %d: %w", id, err)
		}
	}
	return all, nil
}

// holds1 tells whether the keyslot is on the device as the backup has it.
func holds1(dev io.ReaderAt, now, next luks1.Header, id int, material []byte) bool {
	if now.Keyslots[id] != next.Keyslots[id] {
		return false
	}
	present := make([]byte, len(material))
	return header.ReadFull(dev, present, extent1(now, id).Offset) == nil && bytes.Equal(present, material)
}

// step1 is one change on the way to a restored header.
type step1 struct{ commit.Change1 }

// found1 tells of the keyslots on the device.
type found1 struct {
	same    func(id int) bool // nothing differs from the backup's
	remains func(id int) bool // something lies at its place
}

// plan1 says how the header now becomes next, whose key material is given.
func plan1(now, next luks1.Header, materials map[int][]byte, found found1) ([]commit.Change1, error) {
	first, last := step1{commit.Change1{Next: next}}, step1{commit.Change1{Next: next}}
	for id, slot := range next.Keyslots {
		whole := commit.Area{What: areaName(id), Offset: extent1(next, id).Offset, Bytes: materials[id]}
		switch {
		case !slot.Enabled() && now.Keyslots[id].Enabled():
			if err := first.wipe(now, id); err != nil {
				return nil, err
			}
		case !slot.Enabled(), now.Keyslots[id].Enabled() && found.same(id):
		case !now.Keyslots[id].Enabled():
			first.Before = append(first.Before, whole)
		default:
			if err := first.park(&last, now, slot, id, whole); err != nil {
				return nil, err
			}
			last.Before = append(last.Before, whole)
		}
	}
	if len(last.Before) == 0 {
		err := first.wipeRemains(now, first.Next, next, found)
		return []commit.Change1{first.Change1}, err
	}
	err := last.wipeRemains(now, first.Next, next, found)
	return []commit.Change1{first.Change1, last.Change1}, err
}

// wipeRemains wipes what keyslots left that none of the headers knows.
func (s *step1) wipeRemains(now, meanwhile, next luks1.Header, found found1) error {
	for id := range next.Keyslots {
		if now.Keyslots[id].Enabled() || meanwhile.Keyslots[id].Enabled() || next.Keyslots[id].Enabled() ||
			!found.remains(id) {
			continue
		}
		if err := s.wipe(next, id); err != nil {
			return err
		}
	}
	return nil
}

// park puts a keyslot into one that neither header uses, for as long as its own place is rewritten;
// last gives it up.
func (s *step1) park(last *step1, now luks1.Header, slot luks1.Keyslot, id int, whole commit.Area) error {
	for free := range s.Next.Keyslots {
		if s.Next.Keyslots[free].Enabled() || now.Keyslots[free].Enabled() || last.Next.Keyslots[free].Enabled() {
			continue
		}
		aside := commit.Area{What: areaName(free), Offset: extent1(s.Next, free).Offset, Bytes: whole.Bytes}
		s.Before = append(s.Before, aside)
		s.Next = s.Next.WithKeyslot(free, slot.Iterations, slot.Salt).WithoutKeyslot(id)
		return last.wipe(s.Next, free)
	}
	return fmt.Errorf("%w: keyslot %d differs, and no keyslot is free to hold it while its place is rewritten",
		luks2.ErrNoRoom, id)
}

// wipe overwrites the material of a keyslot once the header no longer names it.
func (s *step1) wipe(h luks1.Header, id int) error {
	w, err := commit.Noise(areaName(id), extent1(h, id))
	s.After = append(s.After, w)
	return err
}

func areaName(id int) string { return fmt.Sprintf("area of keyslot %d", id) }
