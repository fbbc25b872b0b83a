// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"errors"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Change is what one commit makes of a LUKS2 volume.
type Change struct {
	Expect Expect
	Before []Area // durable before the heads
	Next   luks2.Copy
	After  []Area // overwritten only once both heads are durable
	// Apart: the far header is written by other steps of the same transaction; otherwise it follows.
	Apart bool
}

// Change1 is the same for LUKS1.
type Change1 struct {
	Expect Expect
	Before []Area
	Next   luks1.Header
	After  []Area
}

// plan holds a change against what the session read, and says what is to be written, but for the far header.
// Errors, with nothing written: a MeanwhileError, ErrAnotherVolume, a layout.Error, those of
// header.PlanUpdate and of luks2.Encode.
func (s *Session) plan(c Change) (Plan, header.Plan, error) {
	var p Plan
	now := s.choice.Copy
	c.Next.Metadata.DropIdleDigests()
	if err := c.Expect.check(s.dev, heldBy(now), heldBy(c.Next)); err != nil {
		return p, header.Plan{}, err
	}
	if err := checkRoom(now, c, s.size()); err != nil {
		return p, header.Plan{}, err
	}
	update := header.PlanUpdate
	if s.o.Settles {
		update = header.PlanSettled
	}
	heads, err := update(s.heads, s.choice, c.Next, s.random)
	if err != nil {
		return p, heads, err
	}
	resized := now.Header.Size != c.Next.Header.Size
	if resized { // the first head of another size may go over the only good one
		if p, err = PlanHeal(s.dev, s.heads, s.choice, s.o.Force); err != nil {
			return p, heads, err
		}
	}
	p.loose(now, c.Before...)
	if resized {
		p.exchange(heads)
	} else {
		p.heads(heads)
	}
	p.loose(heads.Next, c.After...)
	return p, heads, nil
}

func checkRoom(now luks2.Copy, c Change, size uint64) error {
	if err := layout.Fits(c.Next, size); err != nil && !misfits(now, err, size) {
		return err
	}
	if err := layout.Before(now, c.Next, size, extents(c.Before)...); err != nil {
		return err
	}
	if err := layout.Heads(now, c.Next, size); err != nil {
		return err
	}
	return layout.After(now, c.Next, size, extents(c.After)...)
}

// misfits tells of a refusal that is about the length of the far header alone, whether another program's reencryption
// gives, or gave, the metadata that length: the far header is a misfit then, or displaced, which has its own way out.
func misfits(now luks2.Copy, err error, size uint64) bool {
	return errors.Is(err, layout.ErrFar) &&
		(now.Metadata.Reencrypting() || errors.Is(layout.Fits(now, size), layout.ErrFar))
}

// exchange adds heads of another size: the secondary at its new place, which is free; then zeros over the old
// secondary's binary header, since a reader that finds the primary torn looks for a secondary at the lowest
// offset first; then the primary.
func (p *Plan) exchange(heads header.Plan) {
	old := Area{"old secondary header", heads.Now.Header.Size, make([]byte, luks2.BinarySize)}
	for _, place := range []header.Place{header.Secondary, header.Primary} {
		for _, w := range heads.Writes {
			if w.Place == place {
				p.head(w, heads.Now)
			}
		}
		if place == header.Secondary {
			p.loose(heads.Now, old)
		}
	}
}

// plan is that of Session for LUKS1.
func (s *Session1) plan(c Change1) (Plan, error) {
	var p Plan
	now, size := s.now, uint64(max(s.dev.Size(), 0))
	if err := c.Expect.check(s.dev, heldBy1(now), heldBy1(c.Next)); err != nil {
		return p, err
	}
	if err := layout.Fits1(c.Next, size); err != nil {
		return p, err
	}
	if err := layout.Before1(now, c.Next, size, extents(c.Before)...); err != nil {
		return p, err
	}
	if err := layout.After1(c.Next, size, extents(c.After)...); err != nil {
		return p, err
	}
	sectors, err := luks1.Changes(s.raw, c.Next)
	if err != nil {
		return p, err
	}
	p.loose(luks2.Copy{}, c.Before...)
	p.sectors(sectors)
	p.loose(luks2.Copy{}, c.After...)
	return p, nil
}
