// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"strings"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// check holds a run that was read whole against what every run obeys.
func (r *Run) check() error {
	err := r.checkEnds()
	if err == nil {
		err = r.checkResilience()
	}
	if err == nil {
		err = r.checkOffsets()
	}
	if err == nil {
		err = r.checkOrder()
	}
	if err == nil {
		err = r.checkHot()
	}
	return err
}

// checkEnds: the mode says of which type the ends are. Their sizes and IV bases are what all offsets count from.
func (r *Run) checkEnds() error {
	from, to := "crypt", "crypt"
	switch r.Mode {
	case "encrypt":
		from = "linear"
	case "decrypt":
		to = "linear"
	}
	if err := r.Old.check(from); err != nil {
		return err
	}
	return r.New.check(to)
}

func (e *End) check(kind string) error {
	why := ""
	switch {
	case e.Type != kind:
		why = "its type is not that of this mode"
	case e.Integrity != nil:
		why = "authenticated encryption"
	case e.IVTweak != 0:
		why = "its IV numbers do not begin at 0, as every program takes them to"
	case kind == "crypt" && (e.SectorSize < 512 || e.SectorSize > 4096 || 4096%e.SectorSize != 0):
		why = "its sectors are of no known size"
	case kind == "crypt" && e.Key == nil:
		why = "no digest of its key"
	}
	if why != "" {
		return foreign(member("segments", e.ID), why)
	}
	return nil
}

func (r *Run) checkResilience() error {
	area := member("keyslots", r.Keyslot) + ".area"
	kind := r.Area.Type
	if strings.HasSuffix(kind, "checksum") {
		if _, err := hashalg.Size(r.Hash); err != nil {
			return foreign(area+".hash", err.Error())
		}
		if !r.wholeUnits() {
			return foreign(area+".sector_size", "no whole number of sectors")
		}
	}
	switch {
	case r.shifts() && (r.Shift == 0 || r.Shift%512 != 0):
		return foreign(area+".shift_size", "no whole number of sectors")
	case strings.HasPrefix(kind, "datashift-") != (r.Version == 3):
		return foreign(requirements, "not the version of this resilience")
	case r.Moved != nil && !r.shifts():
		return foreign(member("segments", r.Moved.ID), "data that were moved, and no shift")
	}
	return nil
}

// wholeUnits: a unit is made of whole sectors of either end.
func (r *Run) wholeUnits() bool {
	return r.UnitSize <= maxUnit && r.UnitSize >= 512 && r.UnitSize%max(r.Old.SectorSize, r.New.SectorSize, 1) == 0 &&
		r.UnitSize%512 == 0
}

// maxUnit bounds what one checksum covers, bytes: sectors of data and of devices are not longer.
const maxUnit = 1 << 20

// checkOffsets: the two ends lie apart as far as data move.
func (r *Run) checkOffsets() error {
	want := r.Old.Offset
	switch {
	case r.beside():
	case r.shifts() && r.Backward():
		want += r.Shift
	case r.shifts():
		want -= r.Shift
	}
	if r.New.Offset != want {
		return foreign(member("segments", r.New.ID), "the new data do not begin where old ones and shift put them")
	}
	return nil
}

// checkOrder: what is done lies behind what is not, in the direction of the run, but for the data put aside.
func (r *Run) checkOrder() error {
	rank := [...]int{New: 0, Between: 1, Old: 2}
	if r.Backward() {
		rank = [...]int{Old: 0, Between: 1, New: 2}
	}
	parts := r.Parts
	if r.Moved != nil && !r.Backward() && parts[0].Side != New {
		parts = parts[1:] // done last
	}
	for i := 1; i < len(parts); i++ {
		a, b := &parts[i-1], &parts[i]
		pieces := a.Side == Old && b.Side == Old && a.moved
		if rank[a.Side] > rank[b.Side] || a.Side == b.Side && !pieces {
			return foreign(member("segments", b.ID),
				"old and new data do not lie in the order of the run's direction")
		}
	}
	return nil
}

func (r *Run) checkHot() error {
	hot := r.Hot()
	switch {
	case hot == nil:
		return nil
	case hot.Dynamic:
		return foreign(member("segments", hot.ID), "hot, and of no size")
	case r.Area.Type == "none":
		return foreign(member("segments", hot.ID), "hot in a run without resilience, which never announces a zone")
	}
	return nil
}

// beside tells of an encryption that names a shift and works in place: made for a header that is put before the
// data later. Programs rewrite its zones in place, and recover them from one shift away.
func (r *Run) beside() bool {
	return r.Mode == "encrypt" && r.shifts() && r.Moved == nil && r.Old.Offset == r.New.Offset
}
