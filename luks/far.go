// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Reached is a Device that knows which of its ranges mappings reach over. Nothing outside the heads and
// keyslot areas is written below a live mapping. A Device without this method is taken to have none.
type Reached interface {
	// Live lists the ranges in bytes; they may overlap and reach beyond the device's end.
	Live() ([]luks2.Extent, error)
}

func live(dev Device) ([]luks2.Extent, error) {
	if r, ok := dev.(Reached); ok {
		return r.Live()
	}
	return nil, nil
}

// FarHeader is what there is of the third copy, and how it stands to the heads.
type FarHeader struct {
	far.Judgement
	Token    far.Token // with HasToken
	HasToken bool
	Recorded far.Found // at the place that the heads name
	Want     far.Desired
	// Damaged are the keyslots whose material on the device is not what the far header says it was.
	Damaged []int
}

// Far looks at the far header. It never writes.
func (v *Volume) Far(ctx context.Context) (FarHeader, error) {
	var f FarHeader
	if v.Version != 2 {
		return f, nil
	}
	err := locked(ctx, v.dev, false, func() (err error) {
		if err := v.load(); err != nil {
			return err
		}
		f, err = v.farHeader(v.Heads, v.Choice)
		return err
	})
	return f, err
}

// LookFar looks at the far header of a LUKS2 volume whose heads were read, by a caller that still holds the
// device's lock. It never writes.
func LookFar(dev Device, heads header.Heads, choice header.Choice) (FarHeader, error) {
	v := Volume{dev: dev}
	return v.farHeader(heads, choice)
}

// farHeader gathers the evidence and judges it; the caller holds the lock.
func (v *Volume) farHeader(heads header.Heads, choice header.Choice) (FarHeader, error) {
	e := v.farEvidence(choice.Copy)
	f := FarHeader{Token: e.Token, HasToken: e.HasToken, Recorded: e.Recorded}
	if e.Recorded.State == far.Whole {
		source, err := farSource(v.dev, heads, choice, e.Recorded)
		if err != nil {
			return f, err
		}
		if e.Want, err = source.build(choice.Copy, &e.Recorded); err != nil {
			return f, err
		}
		f.Want, f.Damaged = e.Want, e.Recorded.Damage(source.bytes, choice.Copy)
	}
	if !e.Token.Far.None() {
		var err error
		if e.Live, err = live(v.dev); err != nil {
			return f, err
		}
	}
	f.Judgement = far.Judge(e)
	return f, nil
}

// farEvidence reads what lies where far headers may lie.
func (v *Volume) farEvidence(head luks2.Copy) far.Evidence {
	e := far.Evidence{Head: head, DeviceSize: uint64(max(v.dev.Size(), 0))}
	e.Token, _, e.HasToken, e.TokenErr = far.Find(head.Metadata)
	seen := map[uint64]bool{}
	if e.TokenErr == nil && !e.Token.Far.None() {
		e.Recorded = far.Read(v.dev, e.Token.Far)
		seen[e.Token.Far.Locator] = true
	}
	if e.TokenErr == nil && !e.Token.To.None() && !seen[e.Token.To.Locator] {
		e.Others = append(e.Others, far.Read(v.dev, e.Token.To))
		seen[e.Token.To.Locator] = true
	}
	if at, ok := far.LocatorAt(e.DeviceSize); ok && !seen[at] {
		e.Others = append(e.Others, far.Look(v.dev, at))
	}
	return e
}

// source is the device's start, as far as a far header copies it.
type source struct {
	bytes []byte
	// failed are the parts that could not be read, with the device's errors.
	failed map[luks2.Extent]error
}

// farSource reads the heads and areas that head names. A head that is not in order counts as what the
// far header has of it, where that fits the other one; so does one that differs from that only where no
// reader looks and no checksum reaches.
func farSource(dev Device, heads header.Heads, choice header.Choice, recorded far.Found) (source, error) {
	head := choice.Copy
	layout, err := far.Layout(head)
	if err != nil {
		return source{}, err
	}
	s := source{make([]byte, far.Length(head)), map[luks2.Extent]error{}}
	for _, e := range layout {
		if n, err := dev.ReadAt(s.bytes[e.Offset:e.End()], int64(e.Offset)); uint64(n) < e.Size {
			s.failed[e] = err
		}
	}
	for _, found := range []header.Found{heads.Primary, heads.Secondary} {
		e := luks2.Extent{Offset: uint64(found.Place) * head.Header.Size, Size: head.Header.Size}
		if e.End() > uint64(len(recorded.Body)) {
			continue
		}
		mine, copied := s.bytes[e.Offset:e.End()], recorded.Body[e.Offset:e.End()]
		if found.State == header.Valid && found.Copy.Header.SeqID == head.Header.SeqID {
			if luks2.Same(mine, copied) {
				copy(mine, copied)
			}
			continue
		}
		if c, err := luks2.Decode(copied, e.Offset); err == nil && c.Header.SeqID == head.Header.SeqID {
			copy(mine, copied)
			delete(s.failed, e)
		}
	}
	return s, nil
}

// build makes the body; a part that could not be read must have been kept from the old one.
func (s source) build(head luks2.Copy, old *far.Found) (far.Desired, error) {
	d, err := far.Build(s.bytes, head, old)
	if err != nil {
		return d, err
	}
	for _, id := range d.Kept {
		if k, err := head.Metadata.Keyslot(id); err == nil {
			delete(s.failed, luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size})
		}
	}
	for e, err := range s.failed {
		return d, &commit.WriteError{What: "far header", Op: "copy", Offset: e.Offset, Err: err}
	}
	return d, nil
}

// ErrFarLeft is the kind of FarError.
var ErrFarLeft = errors.New("the far header was left behind")

// FarError says that the heads were changed as asked for, and that the far header still holds what was
// to go, or was not written.
type FarError struct {
	Keyslots []int // revoked in the heads, and alive in the far header
	Place    far.Place
	Err      error
}

func (e *FarError) Error() string {
	if len(e.Keyslots) == 0 {
		return fmt.Sprintf("%v: at byte %d: %v", ErrFarLeft, e.Place.Start(), e.Err)
	}
	ids := make([]string, len(e.Keyslots))
	for i, id := range e.Keyslots {
		ids[i] = fmt.Sprint(id)
	}
	return fmt.Sprintf("%v: at byte %d it still holds the old material of keyslot %s: %v",
		ErrFarLeft, e.Place.Start(), strings.Join(ids, ", "), e.Err)
}

func (e *FarError) Unwrap() []error { return []error{ErrFarLeft, e.Err} }

// ErrFarToken refuses to change the token by which the heads know the far header.
var ErrFarToken = errors.New("this token belongs to the far header, which has verbs of its own")

// isFarToken tells whether text is, or claims to be, the far header's token.
func isFarToken(m *luks2.Metadata, id int) bool {
	t, err := m.Token(id)
	return err == nil && t.Type == far.TokenType
}
