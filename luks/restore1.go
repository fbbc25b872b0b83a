// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"bytes"
	"context"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// step1 is one change of a LUKS1 header on the way to a restored one.
type step1 struct {
	before []areaWrite // durable before the header
	next   luks1.Header
	after  []areaWrite // only once the header is durable
}

// restore1 brings the header of a backup to the device. LUKS1 has one header and fixed places, so a
// keyslot whose contents differ stands in a free keyslot until its own place has been rewritten: at
// each instant the old or the new set of passphrases opens. Where no keyslot is free for that, the
// error is luks2.ErrNoRoom and nothing is written.
func (v *Volume) restore1(ctx context.Context, backup *Volume) error {
	return locked(ctx, v.dev, true, func() error {
		now, err := readLUKS1(v.dev)
		if err != nil {
			return err
		}
		if now.UUID != v.UUID {
			return ErrAnotherVolume
		}
		materials, err := materials1(backup)
		if err != nil {
			return err
		}
		steps, err := planRestore1(now, backup.LUKS1, materials, found1{
			same:    func(id int) bool { return v.holds1(now, backup.LUKS1, id, materials[id]) },
			remains: func(id int) bool { return v.remains1(now, id) },
		})
		if err != nil {
			return err
		}
		for _, s := range steps {
			if err := v.take(s); err != nil {
				return err
			}
		}
		return v.load()
	})
}

// materials1 reads the key material of every enabled keyslot.
func materials1(v *Volume) (map[int][]byte, error) {
	all := map[int][]byte{}
	for _, id := range v.LUKS1.EnabledKeyslots() {
		offset, length := v.LUKS1.Material(id)
		all[id] = make([]byte, length)
		if n, err := v.dev.ReadAt(all[id], offset); n < len(all[id]) {
			return nil, &KeyslotError{id, err}
		}
	}
	return all, nil
}

// holds1 tells whether the keyslot is on the device as the backup has it.
func (v *Volume) holds1(now, next luks1.Header, id int, material []byte) bool {
	if now.Keyslots[id] != next.Keyslots[id] {
		return false
	}
	present := make([]byte, len(material))
	offset, _ := now.Material(id)
	n, _ := v.dev.ReadAt(present, offset)
	return n == len(present) && bytes.Equal(present, material)
}

// remains1 tells whether something lies at a keyslot's place.
func (v *Volume) remains1(h luks1.Header, id int) bool {
	offset, length := h.Material(id)
	return remains(v.dev, luks2.Extent{Offset: uint64(offset), Size: uint64(length)}).Size > 0
}

// found1 tells of the keyslots on the device.
type found1 struct {
	same    func(id int) bool // nothing differs from the backup's
	remains func(id int) bool // something lies at its place
}

// planRestore1 says how the header now becomes next, whose key material is given.
func planRestore1(now, next luks1.Header, materials map[int][]byte, found found1) ([]step1, error) {
	first, last := step1{next: next}, step1{next: next}
	for id, slot := range next.Keyslots {
		offset, _ := next.Material(id)
		whole := areaWrite{areaName(id), uint64(offset), materials[id]}
		switch {
		case !slot.Enabled() && now.Keyslots[id].Enabled():
			if err := first.wipe(now, id); err != nil {
				return nil, err
			}
		case !slot.Enabled(), now.Keyslots[id].Enabled() && found.same(id):
		case !now.Keyslots[id].Enabled():
			first.before = append(first.before, whole)
		default:
			if err := first.park(&last, now, slot, id, whole); err != nil {
				return nil, err
			}
			last.before = append(last.before, whole)
		}
	}
	steps := []step1{first, last}
	if len(last.before) == 0 {
		steps = steps[:1]
	}
	return steps, steps[len(steps)-1].wipeRemains(now, first.next, next, found)
}

// wipeRemains wipes what keyslots left that none of the headers knows.
func (s *step1) wipeRemains(now, meanwhile, next luks1.Header, found found1) error {
	for id := range next.Keyslots {
		if now.Keyslots[id].Enabled() || meanwhile.Keyslots[id].Enabled() || next.Keyslots[id].Enabled() || !found.remains(id) {
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
func (s *step1) park(last *step1, now luks1.Header, slot luks1.Keyslot, id int, whole areaWrite) error {
	for free := range s.next.Keyslots {
		if s.next.Keyslots[free].Enabled() || now.Keyslots[free].Enabled() || last.next.Keyslots[free].Enabled() {
			continue
		}
		offset, _ := s.next.Material(free)
		s.before = append(s.before, areaWrite{areaName(free), uint64(offset), whole.bytes})
		s.next = s.next.WithKeyslot(free, slot.Iterations, slot.Salt).WithoutKeyslot(id)
		return last.wipe(s.next, free)
	}
	return fmt.Errorf("%w: keyslot %d differs, and no keyslot is free to hold it while its place is rewritten", luks2.ErrNoRoom, id)
}

// wipe overwrites the material of a keyslot once the header no longer names it.
func (s *step1) wipe(h luks1.Header, id int) error {
	offset, length := h.Material(id)
	w, err := noise(areaName(id), uint64(offset), uint64(length))
	s.after = append(s.after, w)
	return err
}

// take makes one change of the header; the caller holds the lock.
func (v *Volume) take(s step1) error {
	raw, err := readLUKS1Sectors(v.dev)
	if err != nil {
		return err
	}
	writes, err := luks1.Changes(raw, s.next)
	if err != nil {
		return err
	}
	if err := commit.Settle(v.dev); err != nil {
		return err
	}
	if err := writeAreas(v.dev, s.before); err != nil {
		return err
	}
	if err := writeSectors(v.dev, writes); err != nil {
		return err
	}
	return writeAreas(v.dev, s.after)
}

// placed1 tells whether both headers keep the material of each keyslot at the same place.
func placed1(a, b luks1.Header) bool {
	for i := range a.Keyslots {
		if a.Keyslots[i].Offset != b.Keyslots[i].Offset || a.Keyslots[i].Stripes != b.Keyslots[i].Stripes {
			return false
		}
	}
	return true
}
