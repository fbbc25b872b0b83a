// SPDX-License-Identifier: Apache-2.0

package reencrypt

import "strings"

// Fate is what becomes of a volume that another program is let at.
type Fate int

// The fates.
const (
	Untouched Fate = iota // there is nothing to resume
	Continues             // it goes on, and ends well
	Recovers              // it wants a repair first, and ends well
	Stuck                 // it can never go on, with all data whole
	Refuses               // it refuses, with all data whole
	Risks                 // it ends well only if the record of the zone reached the disk
	Destroys              // it reports success, and data are lost
	Untold                // nobody can say
)

var fateNames = [...]string{
	"untouched", "continues", "recovers", "stuck", "refuses", "risks", "destroys", "untold",
}

func (f Fate) String() string { return fateNames[f] }

// Peer says what cryptsetup's next repair and resume make of the volume, both keys being at hand: releases 2.4.3 to
// 2.8.6, as tried on the states that this package tells apart.
func (v Verdict) Peer() (Fate, string) {
	switch v.State {
	case None:
		return Untouched, "has nothing to resume"
	case Clean:
		return v.Run.peerClean()
	case Hot:
		return v.peerHot()
	case Concluded:
		return v.Run.peerConcluded()
	}
	return v.peerForeign()
}

func (v Verdict) peerForeign() (Fate, string) {
	switch {
	case v.Run.Version == 1:
		return Refuses, "refuses to open or resume until repair is told to trust the metadata"
	case v.Run.Version == 0, v.Run.forged:
		return Refuses, "refuses to open or resume"
	}
	return Untold, "what resume would do to it cannot be said"
}

func (r *Run) peerClean() (Fate, string) {
	switch {
	case r.stuckAtMoved() && !r.olderThanMoved():
		return Stuck, stuckWhy
	case r.Area.Type == "none":
		return Continues, "would go on where the metadata say, whatever was done since"
	}
	return Continues, "would go on where it stopped"
}

const stuckWhy = "cannot go on: resume fails at the piece of data that was moved, and the volume still opens"

// stuckAtMoved: the moved piece is shorter than a shift, and a fresh process takes it for as long.
func (r *Run) stuckAtMoved() bool { return r.Version == 3 && r.Moved != nil && r.Moved.Size < r.Shift }

// olderThanMoved tells whether old data are left beside the moved piece and the zone that is hot.
func (r *Run) olderThanMoved() bool {
	for i := range r.Parts {
		if p := &r.Parts[i]; p.Side == Old && !p.moved {
			return true
		}
	}
	return false
}

func (v Verdict) peerHot() (Fate, string) {
	r := v.Run
	hot := r.Hot()
	byArea := r.protects(hot.Start) != byShift
	switch {
	case r.beside():
		return Destroys, "repair takes the zone from one shift away, reports success, and the zone is lost"
	case !byArea && hot.Start == 0 && r.Moved == nil:
		return Destroys, "repair takes the header for the zone's data, reports success, and the zone is lost"
	case byArea && v.unproven():
		return v.peerByRecord()
	case !byArea || hot.Start > 0 || !r.Backward() || !r.shortLast(hot):
		if hot.Start > 0 && r.stuckAtMoved() && !r.olderThanMoved() {
			return Stuck, stuckWhy
		}
		return Recovers, "asks for repair first, which finishes the zone by its record"
	}
	return Destroys, "repair finishes the zone and takes the run for unfinished; the next resume then rewrites " +
		"everything once more, reports success, and all data are lost"
}

// unproven: nothing but the record itself can show that it is of this zone.
func (v Verdict) unproven() bool {
	return v.Heads == NotWritten || v.Heads == Alone || v.Heads == Disagree
}

// peerByRecord: it makes the other head equal to the newest at its next look, and then trusts the record.
func (v Verdict) peerByRecord() (Fate, string) {
	const heals = "any command, luksDump too, first makes the other head equal to the newest, and with it " +
		"the proof is gone; "
	switch {
	case v.Count == nil:
		return Risks, heals + "repair then trusts the zone's record, and the zone is lost if that is not genuine"
	case v.Count.Old == 0 && v.Heads == NotWritten:
		return Destroys, heals + "repair then takes the zone for done, reports success, and the zone is lost"
	case v.Count.Old == 0:
		return Risks, heals + "repair then takes the zone for done, which nothing proves"
	}
	return Recovers, "asks for repair first, which finishes the zone by its record"
}

// largestZone is the longest that cryptsetup makes a zone, bytes, as it counts when it recovers one.
const largestZone = 1 << 30

// shortLast: the zone at the start of the data, the last of a backward run, is shorter than zones can be.
func (r *Run) shortLast(hot *Part) bool {
	longest := r.Area.Size
	if strings.HasSuffix(r.Area.Type, "checksum") {
		longest = r.recordedUnits() * r.unit()
	}
	return hot.Size < min(longest, largestZone) && len(r.Parts) > 1
}

func (r *Run) peerConcluded() (Fate, string) {
	switch {
	case r.Old.Key != nil && len(r.Old.Key.Keyslots) == 0 && (r.New.Key == nil || r.New.Key.ID != r.Old.Key.ID):
		return Refuses, "refuses to open, repair or resume it, since no keyslot has the old key, which nothing needs"
	case r.Mode == "encrypt" && r.shifts():
		return Stuck, "cannot go on: resume fails at every attempt, and the volume still opens"
	case r.identity():
		return Continues, "would rewrite everything once more, as what it is"
	}
	return Destroys, "would take it for a run at its beginning, rewrite everything once more and report success: " +
		"all data would be lost"
}
