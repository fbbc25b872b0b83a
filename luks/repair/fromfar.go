// SPDX-License-Identifier: Apache-2.0

package repair

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The refusals of a repair from the far header.
var (
	ErrHeadValid = errors.New("a copy of the header is valid, and no far header wins over it")
	ErrNoFar     = errors.New("no far header was found")
	ErrSeveral   = errors.New("far headers of several volumes were found")
)

// noHead holds where no head is valid, and no header of LUKS1. One that cannot be read may be, and newer than any far
// header, and so may one of LUKS1 that is damaged: they are given up by choice only.
func noHead(dev header.Device, heads header.Heads, giveUp bool) error {
	_, err1 := header.Read1(dev)
	older := !errors.Is(err1, luks1.ErrMagic) && !errors.Is(err1, luks1.ErrVersion)
	if _, err := header.Choose(heads); err == nil || err1 == nil || older && !giveUp {
		return ErrHeadValid
	}
	for _, f := range []header.Found{heads.Primary, heads.Secondary} {
		if f.State == header.Unreadable && !giveUp {
			return fmt.Errorf("%w: %v at byte %d: %w", header.ErrUnreadable, f.Place, f.Offset, f.Err)
		}
	}
	return nil
}

// FindFar searches a device without a valid head for far headers, near its end first, and returns the
// newest one that can be used, after telling found of each. giveUp is for heads that cannot be read. Errors:
// ErrHeadValid,
// header.ErrUnreadable, ErrNoFar, ErrSeveral, that of ctx.
func FindFar(ctx context.Context, dev header.Device, giveUp bool, found func(far.Found)) (far.Found, error) {
	var best far.Found
	if err := noHead(dev, header.Read(dev), giveUp); err != nil {
		return best, err
	}
	several := false
	consider := func(f far.Found) bool {
		found(f)
		if _, _, err := usable(f); err != nil {
			return true
		}
		several = several || best.State != far.Absent && best.Locator.UUID != f.Locator.UUID
		if best.State == far.Absent || better(f, best) {
			best = f
		}
		return true
	}
	near := far.NearEnd(dev)
	err := far.Search(ctx, dev, near, consider)
	if err == nil && best.State == far.Absent && near > 0 { // the device may have grown since
		err = far.Search(ctx, dev, 0, consider)
	}
	switch {
	case err != nil:
		return best, err
	case best.State == far.Absent:
		return best, ErrNoFar
	case several:
		return best, ErrSeveral
	}
	return best, nil
}

// better prefers the newer far header. One that is not wholly made was never in force, and comes behind all others.
func better(f, than far.Found) bool {
	if a, b := f.Unfinished(), than.Unfinished(); a != b {
		return b
	}
	return header.Newer(f.Locator.SeqID, than.Locator.SeqID)
}

// usable returns the heads in a far header, of which one is valid.
func usable(f far.Found) (header.Heads, header.Choice, error) {
	heads := header.Read(f.Device())
	choice, err := header.Choose(heads)
	if err == nil && far.Length(choice.Copy) != uint64(len(f.Body)) {
		err = fmt.Errorf("%w: a head of another size", ErrNoFar)
	}
	return heads, choice, err
}

// Brought is what a repair from the far header brings back.
type Brought struct {
	Head    luks2.Copy
	Damaged []int // keyslots whose material is damaged in the far header too
}

// FromFar plans to bring both heads and the keyslot areas back from a far header that FindFar gave.
// Areas that are as they should be are not written.
func FromFar(dev header.Device, f far.Found, giveUp bool, random io.Reader) (Plan, Brought, error) {
	heads := header.Read(dev)
	if err := noHead(dev, heads, giveUp); err != nil {
		return Plan{}, Brought{}, err
	}
	copies, choice, err := usable(f)
	if err != nil {
		return Plan{}, Brought{}, err
	}
	h := choice.Copy.Header
	p := Plan{Version: 2, UUID: h.UUID, SeqID: h.SeqID, Generation: generationOf(heads, h.UUID)}
	b := Brought{Head: choice.Copy}
	why := fmt.Sprintf("from the far header at byte %d", f.Place.Start())
	if b.Damaged, err = p.addAreas(dev, f, choice.Copy.Metadata, why); err != nil {
		return p, b, err
	}
	if p.heads, err = header.PlanHeal(copies, choice, nil, random); err != nil {
		return p, b, err
	}
	p.heads.Now = luks2.Copy{} // it is not on the device
	mended := map[header.Place]bool{}
	for _, w := range p.heads.Writes {
		mended[w.Place] = true
	}
	for _, place := range []header.Place{header.Secondary, header.Primary} {
		if !mended[place] {
			offset := uint64(place) * h.Size
			p.heads.Writes = append([]header.Write{{
				Place: place, Offset: offset, Bytes: f.Body[offset : offset+h.Size],
				Why: why,
			}}, p.heads.Writes...)
		}
	}
	for _, w := range p.heads.Writes {
		p.Writes = append(p.Writes, Write{w.Place.String() + " header", w.Offset, w.Bytes, why})
	}
	return p, b, nil
}

// addAreas plans the keyslot areas that are whole in the far header and not on the device.
func (p *Plan) addAreas(dev io.ReaderAt, f far.Found, m *luks2.Metadata, why string) (damaged []int, err error) {
	for _, k := range m.Keyslots() {
		e := luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}
		if e.End() > uint64(len(f.Body)) || e.End() < e.Offset {
			return damaged, fmt.Errorf("%w: keyslot %d lies outside it", ErrNoFar, k.ID)
		}
		material := f.Body[e.Offset:e.End()]
		now := make([]byte, len(material))
		if n, _ := dev.ReadAt(now, int64(e.Offset)); n == len(now) && (bytes.Equal(now, material) || f.Vouches(e, now)) {
			continue
		}
		if !f.Vouches(e, material) {
			damaged = append(damaged, k.ID)
			continue
		}
		p.add(fmt.Sprintf("area of keyslot %d", k.ID), e.Offset, material, why)
	}
	return damaged, nil
}

// add plans material that is written before the heads.
func (p *Plan) add(what string, offset uint64, material []byte, why string) {
	w := Write{what, offset, material, why}
	p.areas, p.Writes = append(p.areas, w), append(p.Writes, w)
}

// MendKeyslots adds to the plan the material of keyslots that are damaged on the device, from a far
// header that has it whole, by the sums: see far.Found.Damage.
func (p *Plan) MendKeyslots(f far.Found, head luks2.Copy, ids []int) {
	for _, id := range ids {
		k, err := head.Metadata.Keyslot(id)
		if err != nil {
			continue
		}
		material := f.Body[k.Area.Offset:k.Area.End()]
		if !f.Locator.Holds(luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}, material) {
			continue
		}
		p.add(fmt.Sprintf("area of keyslot %d", id), k.Area.Offset, material, "damaged, and whole in the far header")
	}
}
