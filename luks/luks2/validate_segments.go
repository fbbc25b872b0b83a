// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"slices"
	"sort"
	"strconv"
)

func checkSegments(m *Metadata, _ uint64) error {
	if len(m.segments.members) == 0 {
		return broken("segments", "none")
	}
	err := m.scope("segments", m.segments).each(func(id string, segment scope) error {
		if err := checkSegmentPlace(segment); err != nil {
			return err
		}
		return m.checkSegmentType(id, segment)
	})
	if err != nil {
		return err
	}
	segments := m.Segments()
	return all(checkSegmentOrder(segments), checkSegmentOverlap(segments), m.checkReencryptSegments(segments))
}

// checkSegmentPlace: what every segment has.
func checkSegmentPlace(segment scope) error {
	_, typeErr := segment.field("type").name()
	offset, offsetErr := segment.field("offset").uint64()
	text, sizeErr := segment.field("size").name()
	if err := all(typeErr, offsetErr, sizeErr); err != nil {
		return err
	}
	if offset%512 != 0 {
		return broken(segment.path+".offset", "%d is no multiple of 512", offset)
	}
	if text != dynamic {
		size, err := segment.field("size").uint64()
		if err != nil {
			return err
		}
		if size == 0 || size%512 != 0 {
			return broken(segment.path+".size", "%d bytes at %d", size, offset)
		}
	}
	if segment.has("flags") {
		_, err := segment.field("flags").names()
		return err
	}
	return nil
}

func (m *Metadata) checkSegmentType(id string, segment scope) error {
	kind, err := segment.field("type").string()
	if err != nil {
		return err
	}
	switch kind {
	case "crypt":
		return m.checkCrypt(id, segment)
	case "hw-opal":
		return checkOPAL(segment)
	case "hw-opal-crypt":
		return all(checkOPAL(segment), m.checkCrypt(id, segment))
	}
	return nil
}

func (m *Metadata) checkCrypt(id string, segment scope) error {
	_, tweakErr := segment.field("iv_tweak").uint64()
	_, encryptionErr := segment.field("encryption").name()
	sector, sectorErr := segment.field("sector_size").uint32()
	if err := all(tweakErr, encryptionErr, sectorErr); err != nil {
		return err
	}
	if sector == 0 || sector%512 != 0 {
		return broken(segment.path+".sector_size", "%d", sector)
	}
	if size, err := segment.field("size").uint64(); err == nil && size%uint64(sector) != 0 {
		return broken(segment.path+".size", "%d bytes is no multiple of the sector size %d", size, sector)
	}
	if segment.has("integrity") {
		if err := checkIntegrity(segment); err != nil {
			return err
		}
	}
	number, err := strconv.Atoi(id)
	if err != nil {
		return broken(segment.path, "name is no id")
	}
	if _, found := m.DigestOfSegment(number); !found {
		return broken(segment.path, "listed by no digest")
	}
	return nil
}

func checkIntegrity(segment scope) error {
	integrity, err := segment.field("integrity").object()
	if err != nil {
		return err
	}
	_, typeErr := integrity.field("type").name()
	_, encryptionErr := integrity.field("journal_encryption").name()
	_, integrityErr := integrity.field("journal_integrity").name()
	if integrity.has("key_size") {
		if _, err := integrity.field("key_size").uint32(); err != nil {
			return err
		}
	}
	return all(typeErr, encryptionErr, integrityErr)
}

func checkOPAL(segment scope) error {
	size, sizeErr := segment.field("size").uint64()
	_, numberErr := segment.field("opal_segment_number").uint32()
	_, keyErr := segment.field("opal_key_size").uint32()
	locked, lockedErr := segment.field("opal_segment_size").uint64()
	if err := all(sizeErr, numberErr, keyErr, lockedErr); err != nil {
		return err
	}
	if locked < size {
		return broken(segment.path+".opal_segment_size", "%d bytes for a segment of %d", locked, size)
	}
	return nil
}

// checkSegmentOrder: ids without a gap from 0; regular segments first, at least one; only the
// last regular one dynamic.
func checkSegmentOrder(segments []Segment) error {
	byID := slices.Clone(segments)
	sort.Slice(byID, func(i, j int) bool { return byID[i].ID < byID[j].ID })
	regular := 0
	for i, s := range byID {
		path := "segments." + strconv.Itoa(s.ID)
		if s.ID != i {
			return broken(path, "segment %d is missing", i)
		}
		if s.Backup() {
			continue
		}
		if regular != i {
			return broken(path, "regular segment behind a backup segment")
		}
		regular++
	}
	if regular == 0 {
		return broken("segments", "no regular segment")
	}
	for _, s := range byID[:regular-1] {
		if s.Dynamic {
			return broken("segments."+strconv.Itoa(s.ID), "dynamic, but not the last")
		}
	}
	return nil
}

// checkSegmentOverlap holds regular segments against one another. The end of one that is alone is nobody's
// concern here: the device has still to be held against it.
func checkSegmentOverlap(segments []Segment) error {
	regular := slices.DeleteFunc(slices.Clone(segments), Segment.Backup)
	if len(regular) < 2 {
		return nil
	}
	for i, a := range regular {
		path := "segments." + strconv.Itoa(a.ID)
		if a.endless {
			return broken(path+".size", "reaches past 64 bits from byte %d on", a.Offset)
		}
		for _, b := range regular[:i] {
			if a.Extent().Overlaps(b.Extent()) {
				return broken(path, "overlaps segment %d", b.ID)
			}
		}
	}
	return nil
}

// checkReencryptSegments: while a known reencryption runs, both ends of it are described, and
// every regular segment is in one of the two states.
func (m *Metadata) checkReencryptSegments(segments []Segment) error {
	if !knownReencrypt(m.Requirements()) {
		return nil
	}
	find := func(flag string) *Segment {
		if i := slices.IndexFunc(segments, func(s Segment) bool { return s.HasFlag(flag) }); i >= 0 {
			return &segments[i]
		}
		return nil
	}
	final, previous := find("backup-final"), find("backup-previous")
	if final == nil || previous == nil {
		return broken("segments", "reencryption without its backup segments")
	}
	for _, s := range segments {
		hot := s.HasFlag("in-reencryption")
		if !s.Backup() && !sameCipher(s, *final) && (hot || !sameCipher(s, *previous)) {
			return broken("segments."+strconv.Itoa(s.ID), "belongs to neither end of the reencryption")
		}
	}
	return nil
}

func sameCipher(a, b Segment) bool {
	if a.Type != b.Type {
		return false
	}
	return a.Type != "crypt" || a.SectorSize == b.SectorSize && a.Encryption == b.Encryption
}
