// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Session1 is a LUKS1 header as it is under the exclusive lock.
type Session1 struct {
	dev header.Device
	raw []byte
	now luks1.Header
	// changed: a change was carried out.
	changed bool
}

// Begin1 reads the header, for a caller that holds the exclusive lock, and makes it durable first. uuid is that of
// the volume; empty for any.
func Begin1(dev header.Device, uuid string) (*Session1, error) {
	s := &Session1{dev: dev}
	if err := settle(dev); err != nil {
		return nil, err
	}
	if err := s.read(); err != nil {
		return nil, err
	}
	if uuid != "" && s.now.UUID != uuid {
		return nil, ErrAnotherVolume
	}
	return s, nil
}

func (s *Session1) read() (err error) {
	if s.now, err = header.Read1(s.dev); err != nil {
		return err
	}
	s.raw, err = header.Sectors1(s.dev)
	return err
}

// Now is the header.
func (s *Session1) Now() luks1.Header { return s.now }

// Device is what the session writes to.
func (s *Session1) Device() header.Device { return s.dev }

// Do makes one change: Before, then the sectors of the header, each durable before the next, then After.
// Errors with nothing written: a MeanwhileError, a layout.Error, luks1.ErrStraddles; after a write: an
// UnfinishedError where something came of the change.
func (s *Session1) Do(c Change1) error {
	stray, err := s.copies(c.Next)
	if err != nil {
		return err
	}
	c.Before = append(stray, c.Before...)
	p, err := s.plan(c)
	if err != nil {
		return err
	}
	if err := applySettled(s.dev, p); err != nil {
		return s.cutOff(err, c)
	}
	s.changed = true
	if len(takenAway(s.now, c.Next)) > 0 {
		return errors.Join(s.disown(), s.Since(s.read()))
	}
	return s.Since(s.read())
}

// disown wipes a far header under the volume's uuid at the device's end, which holds keys of the time when the volume
// was LUKS2: another tool took the token away that told of it, and made LUKS1 of the rest. One that cannot be wiped is
// named by a FarError.
func (s *Session1) disown() error {
	f := far.AtEnd(s.dev)
	if f.State < far.Foreign || !f.Locator.Of(s.now.UUID) {
		return nil
	}
	if err := s.wipeFar(f); err != nil {
		return &FarError{Place: f.Place, Err: err, Made: true}
	}
	return nil
}

func (s *Session1) wipeFar(f far.Found) error {
	switch {
	case f.State != far.Whole:
		return fmt.Errorf("%w: %w", far.ErrDisplaced, f.Err)
	case f.Place.Start() < s.now.MaterialRoom().End():
		return fmt.Errorf("%w: it lies over the keyslots", far.ErrDisplaced)
	}
	return wipeFar(s.dev, f, luks2.Copy{})
}

// Up turns LUKS1 into LUKS2: both heads around the LUKS1 header, whose second sector stays within the
// primary's padding until sector 0 has made it LUKS2. The heads are a plan of header.PlanFormat; all that they
// name is on the device.
func (s *Session1) Up(heads header.Plan) error {
	if err := layout.Fits(heads.Next, uint64(max(s.dev.Size(), 0))); err != nil {
		return err
	}
	primary, secondary := heads.Writes[0], heads.Writes[1]
	mixed := append([]byte(nil), primary.Bytes...)
	copy(mixed[luks1.SectorSize:], s.raw[luks1.SectorSize:])
	if err := luks2.Seal(mixed); err != nil {
		return err
	}
	var p Plan
	p.loose(
		luks2.Copy{}, Area{"secondary header", secondary.Offset, secondary.Bytes},
		Area{"primary header", luks1.ReservedSize, mixed[luks1.ReservedSize:]},
		Area{"sector 0", 0, mixed[:luks1.SectorSize]},
	)
	if err := applySettled(s.dev, p); err != nil {
		return err
	}
	var whole Plan
	whole.heads(header.Plan{Writes: heads.Writes[:1]})
	return applySettled(s.dev, whole)
}

// Down turns LUKS2 into LUKS1: the header's second sector, the first, which tells the version, and then zeros
// over what is left of the heads, the secondary first. Both heads are made equal, and durable, before the
// primary goes: the secondary alone speaks for the volume while sector 0 is written.
func (s *Session) Down(h luks1.Header) error {
	if err := layout.Fits1(h, s.size()); err != nil {
		return err
	}
	heal, err := planHeal(s.dev, s.heads, s.choice, false)
	if err != nil {
		return err
	}
	raw, err := h.Encode()
	if err != nil {
		return err
	}
	var whole, p Plan
	whole.heads(heal)
	secondary := s.choice.Copy.Header.Size
	p.loose(
		luks2.Copy{}, Area{"sector 1", luks1.SectorSize, raw[luks1.SectorSize:]}, Area{
			"sector 0", 0,
			raw[:luks1.SectorSize],
		},
		Area{"old secondary header", secondary, make([]byte, secondary)},
		Area{"old primary header", luks1.ReservedSize, make([]byte, secondary-luks1.ReservedSize)},
	)
	if err := applySettled(s.dev, whole); err != nil {
		return err
	}
	return applySettled(s.dev, p)
}

// Whole puts a header backup on a device whose own header is not to stay, for a caller that holds the lock: what told
// of a header goes first, then comes the key material, which begins at byte `from` of the image, then the second half
// of the header, and last the one that tells which version it is. So no reader ever takes the one for the other. The
// far header of a LUKS2 volume that becomes LUKS1 is wiped.
func Whole(ctx context.Context, dev header.Device, image []byte, from uint64) error {
	if _, err := header.Choose(header.Read(dev)); err == nil && from == luks1.ReservedSize {
		if err := wipeEveryFar(ctx, dev, false); err != nil {
			return err
		}
	}
	var p Plan
	p.loose(luks2.Copy{}, Area{"sector 0", 0, make([]byte, luks1.SectorSize)})
	p.add(strays(dev).Stages...)
	half := from / 2
	p.loose(
		luks2.Copy{}, Area{"keyslot areas", from, image[from:]}, Area{"header", half, image[half:from]},
		Area{"header", 0, image[:half]},
	)
	return Apply(dev, p)
}
