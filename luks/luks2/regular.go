// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"slices"
	"sort"
	"strconv"
)

// Regular is a regular segment, one that holds data, with the digests that list it.
type Regular struct {
	Segment
	Digests []int
}

// SetRegular puts these in the place of all regular segments, numbered from 0. Backup segments keep their texts and
// digests, and are numbered behind them, as cryptsetup does it.
func (m *Metadata) SetRegular(parts []Regular) error {
	fresh, listed := &object{}, map[int][]int{}
	for id, p := range parts {
		fresh.set(strconv.Itoa(id), p.encode().text())
		for _, d := range p.Digests {
			listed[d] = append(listed[d], id)
		}
	}
	for _, s := range m.Segments() {
		if !s.Backup() {
			continue
		}
		id := len(fresh.members)
		fresh.set(strconv.Itoa(id), m.segments.byID(s.ID))
		for _, d := range m.Digests() {
			if slices.Contains(d.Segments, s.ID) {
				listed[d.ID] = append(listed[d.ID], id)
			}
		}
	}
	m.segments.members = fresh.members
	return m.linkSegments(listed)
}

// linkSegments makes each digest list the segments that are given for it, and no others.
func (m *Metadata) linkSegments(listed map[int][]int) error {
	for _, d := range m.Digests() {
		ids := listed[d.ID]
		sort.Ints(ids)
		err := m.digests.edit(strconv.Itoa(d.ID), func(o *object) error {
			o.set("segments", list(names(ids)))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// DropBackups removes the segments that describe the ends of a reencryption.
func (m *Metadata) DropBackups() error {
	for _, s := range m.Segments() {
		if !s.Backup() {
			continue
		}
		name := strconv.Itoa(s.ID)
		m.segments.remove(name)
		if err := m.digests.unlink("segments", name); err != nil {
			return err
		}
	}
	return nil
}

// SetRequirements replaces the mandatory requirements; none removes the member, as cryptsetup does it.
func (m *Metadata) SetRequirements(mandatory ...string) error {
	if len(mandatory) == 0 {
		m.config.remove("requirements")
		return nil
	}
	return m.config.edit("requirements", func(o *object) error {
		o.set("mandatory", list(mandatory))
		return nil
	})
}
