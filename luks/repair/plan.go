// SPDX-License-Identifier: Apache-2.0

package repair

import (
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
)

// The refusals.
var (
	ErrNoConflict = errors.New("the two header copies do not conflict, so there is nothing to choose")
	// ErrNotValid: a copy that is not valid cannot be the one to keep.
	ErrNotValid = errors.New("the copy chosen is not valid itself")
	ErrUnmended = errors.New("the header is still not in order")
)

// Write is one range to be written.
type Write struct {
	What   string // "primary header", …
	Offset uint64 // bytes
	Bytes  []byte
	Why    string
}

// Generation tells whether a header is still the one that a plan was made for. It is comparable.
type Generation struct {
	UUID   string
	States [2]header.State
	SeqIDs [2]uint64
	LUKS1  luks1.Header
}

// Plan is what a repair would write, in the order in which it is safe.
type Plan struct {
	Version    int
	UUID       string
	SeqID      uint64 // 0 for LUKS1
	Writes     []Write
	Generation Generation
	Conflict   *Conflict   // set where the copies differ under one sequence number
	heads      header.Plan // LUKS2: what Writes shows
	areas      []Write     // those of Writes that are written before the heads
	left       int         // how many at the end of Writes overwrite what no header names; nothing keeps what that was
}

// Conflict holds both copies of a header that differ under the same sequence number.
type Conflict struct{ Primary, Secondary header.Found }

// Keep says which copy stays, of two that conflict or where one cannot be read and may be newer.
type Keep int

// The choices.
const (
	KeepNone Keep = iota
	KeepPrimary
	KeepSecondary
)

// Make reads the header and plans its repair; random gives salts. Where nothing is wrong the plan
// has no writes. Conflicting copies need keep: without it the error is header.ErrConflict, and the
// plan shows both. So does a copy that cannot be read and may be newer than the other:
// header.ErrUnreadable. Other errors: header.NoHeaderError, header.SizeError, luks1.FieldError,
// ErrNoConflict, ErrNotValid.
func Make(dev header.Device, keep Keep, random io.Reader) (Plan, error) {
	raw := make([]byte, luks1.ReservedSize)
	if n, _ := dev.ReadAt(raw, 0); n == len(raw) {
		h, err := luks1.Decode(raw)
		if err == nil {
			return mend1(raw, h, keep, dev.Size())
		}
		if !errors.Is(err, luks1.ErrMagic) && !errors.Is(err, luks1.ErrVersion) {
			return Plan{Version: 1}, err
		}
	}
	return mend2(dev, keep, random)
}

func mend2(dev header.Device, keep Keep, random io.Reader) (Plan, error) {
	heads := header.Read(dev)
	choice, err := header.Choose(heads)
	p := Plan{Version: 2, UUID: choice.Copy.Header.UUID, SeqID: choice.Copy.Header.SeqID}
	p.Generation = generationOf(heads, p.UUID)
	if err != nil {
		return p, err
	}
	choice, why, err := p.settle(heads, choice, keep)
	if err != nil {
		return p, err
	}
	p.heads, err = header.PlanHeal(heads, choice, nil, random)
	for _, w := range p.heads.Writes {
		p.Writes = append(p.Writes, Write{w.Place.String() + " header", w.Offset, w.Bytes, why})
	}
	p.UUID = choice.Copy.Header.UUID
	if err != nil {
		return p, err
	}
	left, err := commit.LeftBehind(dev, heads, choice, choice.Copy)
	for _, a := range left {
		p.Writes = append(p.Writes, Write{a.What, a.Offset, a.Bytes, "only the older header names it"})
	}
	p.left = len(left)
	return p, err
}

func generationOf(heads header.Heads, uuid string) Generation {
	return Generation{
		UUID:   uuid,
		States: [2]header.State{heads.Primary.State, heads.Secondary.State},
		SeqIDs: [2]uint64{heads.Primary.Copy.Header.SeqID, heads.Secondary.Copy.Header.SeqID},
	}
}

// settle decides, where the copies alone do not, by what is to be kept; why says so.
func (p *Plan) settle(heads header.Heads, c header.Choice, keep Keep) (choice header.Choice, why string, err error) {
	doubt := header.Doubt(heads, c)
	switch {
	case c.Reason == header.Conflicting:
		p.Conflict = &Conflict{heads.Primary, heads.Secondary}
		if keep == KeepNone {
			return c, "", header.ErrConflict
		}
		c = chosen(heads, keep)
		return c, "the " + c.Place.String() + " was chosen of two that differ", nil
	case doubt == nil && keep == KeepNone:
		return c, c.Reason.String(), nil
	case doubt == nil:
		return c, "", ErrNoConflict
	case keep == KeepNone:
		return c, "", doubt
	}
	if chosen(heads, keep).Place != c.Place {
		return c, "", fmt.Errorf("%w: %w", ErrNotValid, doubt)
	}
	return c, "the " + c.Place.String() + " was chosen, the other copy cannot be read", nil
}

// chosen makes the copy to be kept the only one that counts.
func chosen(heads header.Heads, keep Keep) header.Choice {
	if keep == KeepPrimary {
		return header.Choice{Place: header.Primary, Reason: header.OnlyPrimary, Copy: heads.Primary.Copy}
	}
	return header.Choice{Place: header.Secondary, Reason: header.OnlySecondary, Copy: heads.Secondary.Copy}
}

// mend1 plans to mend every known glitch; what is wrong beyond them is an error.
func mend1(raw []byte, h luks1.Header, keep Keep, size int64) (Plan, error) {
	p := Plan{Version: 1, UUID: h.UUID, Generation: Generation{UUID: h.UUID, LUKS1: h}}
	if keep != KeepNone {
		return p, ErrNoConflict
	}
	mended, why := h, ""
	for _, g := range h.Glitches() {
		mended = g.Mend(mended)
		if why != "" {
			why += "; "
		}
		why += describe(g)
	}
	if err := mended.Validate(size); err != nil {
		return p, err
	}
	if why == "" {
		return p, nil
	}
	sectors, err := luks1.Changes(raw, mended)
	for _, w := range sectors {
		p.Writes = append(p.Writes, Write{"header", uint64(w.Offset), w.Data, why})
	}
	return p, err
}

func describe(g luks1.Glitch) string {
	where := g.Field
	if g.Keyslot != luks1.NoKeyslot {
		where = fmt.Sprintf("keyslot %d, %s", g.Keyslot, g.Field)
	}
	return fmt.Sprintf("%s: %v (%s, becomes %s)", where, g.Cause, g.Was, g.Becomes)
}

// Apply writes the plan and looks whether the header is in order then. The caller holds the lock
// and has compared generations.
func Apply(dev header.Device, p Plan) error {
	if err := commit.Apply(dev, p.plan()); err != nil {
		return err
	}
	after, err := Make(dev, KeepNone, noRandom{})
	switch {
	case err != nil:
		return fmt.Errorf("%w: %w", ErrUnmended, err)
	case len(after.Writes) > 0:
		return fmt.Errorf("%w: %s", ErrUnmended, after.Writes[0].Why)
	}
	return nil
}

// plan is what Apply writes: keyslot areas first, then the heads of LUKS2 as an update does and what is gone, or the
// sectors of LUKS1 one by one.
func (p Plan) plan() commit.Plan {
	if p.Version == 2 {
		return commit.Mending(areasOf(p.areas), p.heads, areasOf(p.Writes[len(p.Writes)-p.left:])...)
	}
	sectors := make([]luks1.Write, len(p.Writes))
	for i, w := range p.Writes {
		sectors[i] = luks1.Write{Offset: int64(w.Offset), Data: w.Bytes}
	}
	return commit.Mending1(sectors)
}

func areasOf(list []Write) (areas []commit.Area) {
	for _, w := range list {
		areas = append(areas, commit.Area{What: w.What, Offset: w.Offset, Bytes: w.Bytes})
	}
	return areas
}

// noRandom: a plan that is only looked at may have any salt.
type noRandom struct{}

func (noRandom) Read(p []byte) (int, error) { return len(p), nil }
