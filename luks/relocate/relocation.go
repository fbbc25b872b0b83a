// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// relocation brings the far header from one place to another, and with it the end of the data. Each
// commit is noted in the far header's token, which is the log; see package far for its fields.
type relocation struct {
	head    luks2.Copy // as the last step leaves the heads
	segment luks2.Segment
	token   far.Token
	old     far.Place // a far header that other steps wipe before the new one is made
	steps   []Step
}

// begin takes the metadata that a relocation can start from or go on with: a token, and one data
// segment of fixed size.
func begin(head luks2.Copy) (*relocation, error) {
	t, _, found, err := far.Find(head.Metadata)
	switch {
	case err != nil:
		return nil, err
	case !found:
		return nil, far.ErrNone
	}
	if log, id, found, err := FindLog(head.Metadata); err != nil || found {
		if err == nil {
			err = fmt.Errorf("%w: the metadata area is being resized to heads of %d bytes (token %d)", far.ErrUnderWay,
				log.To.Header, id)
		}
		return nil, err
	}
	segments := head.Metadata.Segments()
	if len(segments) != 1 || segments[0].Dynamic || segments[0].Type != "crypt" ||
		len(head.Metadata.Requirements()) > 0 {
		return nil, ErrSegment
	}
	return &relocation{head: head, segment: segments[0], token: t}, nil
}

// place is where the far header belongs on a device of that size, with the length of the data before it.
func (r *relocation) place(deviceSize uint64) (far.Place, uint64, error) {
	p, err := far.PlaceAt(deviceSize, far.Length(r.head))
	if err != nil {
		return p, 0, err
	}
	if p.Start() <= r.segment.Offset {
		return p, 0, fmt.Errorf("%w: %d bytes leave no room for data", ErrTarget, deviceSize)
	}
	unit := uint64(r.segment.SectorSize)
	return p, extent.Down(p.Start()-r.segment.Offset, unit), nil
}

// smaller is place on a device that is to shrink, on which the far header is not to take more of the data than a new
// one may. Nothing asks for that where a far header is there already, or was begun: it must be concluded.
func (r *relocation) smaller(deviceSize uint64) (far.Place, uint64, error) {
	p, size, err := r.place(deviceSize)
	if err == nil && size < far.LeastData(far.Length(r.head)) {
		err = fmt.Errorf("%w: %d bytes leave %d for data", ErrTarget, deviceSize, size)
	}
	return p, size, err
}

// next is the head with the token, and with data of that length.
func (r *relocation) next(t far.Token, data uint64) (luks2.Copy, error) {
	next := r.head
	next.Metadata = next.Metadata.Clone()
	if err := far.Put(next.Metadata, t); err != nil {
		return next, err
	}
	if err := next.Metadata.SetSegmentSize(r.segment.ID, data); err != nil {
		return next, err
	}
	_, err := luks2.Encode(next)
	return next, err
}

func (r *relocation) commit(what string, t far.Token, data uint64) error {
	next, err := r.next(t, data)
	if err != nil {
		return err
	}
	r.steps = append(r.steps, heads(what, next))
	r.head, r.token = next, t
	r.segment.Size = data
	return nil
}

// write puts a far header to a place, with the heads as the commit of t and data will leave them.
func (r *relocation) write(what string, p far.Place, t far.Token, data uint64) error {
	return r.writing(what, commit.FarWrite{Place: p, Other: r.token.Far}, t, data)
}

// follow brings the far header at t.Far into step with the heads as the commit of t and data will leave
// them. Where what lies there is not ours it stays as it is.
func (r *relocation) follow(t far.Token, data uint64) error {
	return r.writing(fmt.Sprintf("bring the far header at %s into step", at(t.Far)),
		commit.FarWrite{Place: t.Far, Keep: true}, t, data)
}

func (r *relocation) writing(what string, w commit.FarWrite, t far.Token, data uint64) (err error) {
	if w.Next, err = r.next(t, data); err != nil {
		return err
	}
	r.steps = append(r.steps, Step{What: what, Writes: w.Place.Extents(), Act: w})
	return nil
}

// wipe takes an old far header away, where it is ours and, unless inForce is none, older than that one.
func (r *relocation) wipe(what string, p, inForce far.Place) {
	r.steps = append(r.steps, Step{What: what, Writes: p.Extents(), Act: commit.FarWipe{Place: p, InForce: inForce}})
}

// at names a far header by its first byte.
func at(p far.Place) string { return fmt.Sprintf("byte %d", p.Start()) }

// Movable refuses a relocation unless the far header is ours and under no mapping, and the data segment ends
// before it. Errors: a SizeError, those of package far.
func Movable(e far.Evidence) error {
	if e.TokenErr != nil {
		return e.TokenErr
	}
	if e.DeviceSize < e.Token.DeviceSize && e.HasToken && e.Token.Phase == far.Stable {
		return &SizeError{Kind: ErrShrunk, Device: e.DeviceSize, Known: e.Token.DeviceSize}
	}
	j := far.Judge(e)
	if j.Exposed {
		return fmt.Errorf("%w: the data segment reaches over it", far.ErrDisplaced)
	}
	return j.Writable()
}
