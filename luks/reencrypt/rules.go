// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"strings"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// check holds a run that was read whole against what every run obeys.
func (r *Run) check() error {
	for _, rule := range []func(*Run) error{
		(*Run).checkEnds, (*Run).checkResilience, (*Run).checkOffsets, (*Run).checkOrder, (*Run).checkHot,
	} {
		if err := rule(r); err != nil {
			return err
		}
	}
	return nil
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
	for _, e := range []struct {
		End
		want string
	}{{r.Old, from}, {r.New, to}} {
		field := member("segments", e.ID)
		switch {
		case e.Type != e.want:
			return foreign(field, "type %.20q at an end of the mode %s", e.Type, r.Mode)
		case e.Integrity != nil:
			return foreign(field, "authenticated encryption")
		case e.IVTweak != 0:
			return foreign(field, "IV numbers that begin at %d, which every program takes for 0", e.IVTweak)
		case e.Type == "crypt" && (e.SectorSize < 512 || e.SectorSize > 4096 || 4096%e.SectorSize != 0):
			return foreign(field, "sectors of %d bytes", e.SectorSize)
		case e.Type == "crypt" && e.Key == nil:
			return foreign(field, "no digest of its key")
		}
	}
	return nil
}

func (r *Run) checkResilience() error {
	area := member("keyslots", r.Keyslot) + ".area"
	kind := r.Area.Type
	if strings.HasSuffix(kind, "checksum") {
		if _, err := hashalg.Size(r.Hash); err != nil {
			return foreign(area+".hash", "%v", err)
		}
		if !r.wholeUnits() {
			return foreign(area+".sector_size", "%d bytes", r.UnitSize)
		}
	}
	switch {
	case r.shifts() && (r.Shift == 0 || r.Shift%512 != 0):
		return foreign(area+".shift_size", "%d bytes", r.Shift)
	case strings.HasPrefix(kind, "datashift-") != (r.Version == 3):
		return foreign(requirements, "version %d with a resilience of type %s", r.Version, kind)
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
		return foreign(member("segments", r.New.ID), "the new data begin at %d instead of %d", r.New.Offset, want)
	}
	return nil
}

// checkOrder: what is done lies behind what is not, in the direction of the run, but for the data put aside.
func (r *Run) checkOrder() error {
	rank := map[Side]int{New: 0, Between: 1, Old: 2}
	if r.Backward() {
		rank = map[Side]int{Old: 0, Between: 1, New: 2}
	}
	parts := r.Parts
	if r.Moved != nil && !r.Backward() && parts[0].Side != New {
		parts = parts[1:] // done last
	}
	for i := 1; i < len(parts); i++ {
		a, b := parts[i-1], parts[i]
		pieces := a.Side == Old && b.Side == Old && a.moved
		if rank[a.Side] > rank[b.Side] || a.Side == b.Side && !pieces {
			return foreign(member("segments", b.ID), "%s data behind %s ones in a run that goes %s", b.Side, a.Side,
				r.Direction)
		}
	}
	return nil
}

func (r *Run) checkHot() error {
	hot, found := r.Hot()
	switch {
	case !found:
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
