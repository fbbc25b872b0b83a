// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrSizes is the kind of SizesError.
var ErrSizes = errors.New("impossible metadata size")

// SizesError says why the metadata area cannot have a size.
type SizesError struct {
	What string // "metadata size", "keyslots size"
	Why  string
}

func (e *SizesError) Error() string { return e.What + ": " + e.Why }

func (e *SizesError) Unwrap() error { return ErrSizes }

func impossible(what, format string, args ...any) error {
	return &SizesError{what, fmt.Sprintf(format, args...)}
}

// DefaultKeyslots is the size of the keyslots area that goes with heads of hdrSize bytes where none
// is asked for: the area ends where it ends now if the keyslots fit, and otherwise at limit.
func DefaultKeyslots(now luks2.Copy, hdrSize, limit uint64) uint64 {
	needed := uint64(0)
	for _, k := range now.Metadata.Keyslots() {
		needed += luks2.AlignUp(k.Area.Size)
	}
	end := SizesOf(now).End()
	if end < 2*hdrSize+needed {
		end = luks2.AlignDown(limit)
	}
	if end < 2*hdrSize {
		return 0
	}
	return min(end-2*hdrSize, luks2.MaxKeyslotsSize)
}

// PlanResize plans to give the metadata area other sizes, from the heads as they are, which may be in
// the middle of such a resize. The whole area is to end at or before byte limit: where the data
// begins or, with a detached header, the device ends. Nothing to do is an empty plan. Errors are a
// SizesError, a luks2.RoomError where keyslots or JSON do not fit, luks2.ErrNoID, a LogError.
func PlanResize(now luks2.Copy, to Sizes, limit uint64) ([]Step, error) {
	if err := checkSizes(now, to, limit); err != nil {
		return nil, err
	}
	log, _, begun, err := FindLog(now.Metadata)
	if err != nil {
		return nil, err
	}
	if !begun && SizesOf(now) == to {
		return nil, nil
	}
	from := SizesOf(now)
	wide := luks2.Extent{Offset: 2 * from.Header, Size: max(from.End(), to.End()) - 2*from.Header}
	room := luks2.Extent{Offset: 2 * to.Header, Size: to.Keyslots}
	moves, err := arrange(now.Metadata.Keyslots(), room, wide)
	if err != nil {
		return nil, err
	}
	r := &resize{now: now, to: to, wide: wide, log: Log{To: to}}
	if begun {
		r.clean(log)
	}
	return r.plan(moves)
}

func checkSizes(now luks2.Copy, to Sizes, limit uint64) error {
	switch {
	case !luks2.LegalSize(to.Header):
		return impossible("metadata size", "%d bytes is none of the nine sizes from 16 KiB to 4 MiB", to.Header)
	case to.Header < now.Header.Size:
		return impossible("metadata size", "%d bytes is less than the present %d; it only grows", to.Header, now.Header.Size)
	case to.Keyslots == 0 || to.Keyslots%luks2.AreaAlignment != 0 || to.Keyslots > luks2.MaxKeyslotsSize:
		return impossible("keyslots size", "%d bytes is no multiple of 4096 up to 128 MiB", to.Keyslots)
	case to.End() > limit:
		return impossible("metadata size", "two heads of %d bytes and keyslots of %d do not fit before byte %d", to.Header, to.Keyslots, limit)
	}
	return nil
}

// resize collects the steps.
type resize struct {
	now   luks2.Copy // as the last step leaves the heads
	to    Sizes
	wide  luks2.Extent
	log   Log
	steps []Step
}

// clean wipes what an earlier attempt may have left, where no keyslot has come to lie since.
func (r *resize) clean(log Log) {
	for _, e := range []luks2.Extent{log.Left, log.Next} {
		if e.Size > 0 && r.wide.Contains(e) {
			r.wipe("wipe what an earlier attempt left", e)
		}
	}
}

// wipe overwrites the parts of e that no keyslot claims.
func (r *resize) wipe(what string, e luks2.Extent) {
	var claimed []luks2.Extent
	for _, k := range r.now.Metadata.Keyslots() {
		claimed = append(claimed, luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size})
	}
	if free := e.Outside(claimed); len(free) > 0 {
		r.steps = append(r.steps, wipe(what, free))
	}
}

// commit appends a commit of what change makes of the metadata, with the log in it.
func (r *resize) commit(what string, change func(m *luks2.Metadata) error) error {
	next := r.now
	next.Metadata = next.Metadata.Clone()
	if err := change(next.Metadata); err != nil {
		return err
	}
	if err := r.log.put(next.Metadata); err != nil {
		return err
	}
	if _, err := luks2.Encode(next); err != nil {
		return err
	}
	r.steps, r.now = append(r.steps, heads(what, next)), next
	return nil
}

func (r *resize) plan(moves []move) ([]Step, error) {
	r.log.Next = nextOf(moves, 0)
	err := r.commit("note the plan", func(m *luks2.Metadata) error {
		m.SetSizes(r.now.Header.Size, r.wide.Size)
		return nil
	})
	if err != nil {
		return nil, err
	}
	for i, m := range moves {
		r.steps = append(r.steps, copyTo(m))
		r.log.Left, r.log.Next = m.from, nextOf(moves, i+1)
		what := fmt.Sprintf("move keyslot %d to byte %d", m.keyslot, m.to.Offset)
		if err := r.commit(what, func(meta *luks2.Metadata) error { return meta.MoveArea(m.keyslot, m.to.Offset) }); err != nil {
			return nil, err
		}
		r.wipe(fmt.Sprintf("wipe what keyslot %d left", m.keyslot), m.from)
	}
	err = r.conclude()
	return r.steps, err
}

func nextOf(moves []move, i int) luks2.Extent {
	if i < len(moves) {
		return moves[i].to
	}
	return luks2.Extent{}
}

// conclude takes the log away, with the heads at their new places.
func (r *resize) conclude() error {
	old, next := r.now.Header.Size, r.now
	next.Header.Size = r.to.Header
	next.Metadata = next.Metadata.Clone()
	next.Metadata.SetSizes(r.to.Header, r.to.Keyslots)
	if err := drop(next.Metadata); err != nil {
		return err
	}
	if _, err := luks2.Encode(next); err != nil {
		return err
	}
	if old == next.Header.Size {
		r.steps = append(r.steps, heads("conclude", next))
		return nil
	}
	r.steps = append(r.steps, exchange(fmt.Sprintf("write heads of %d bytes", next.Header.Size), old, next))
	return nil
}
