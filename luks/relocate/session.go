// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"bytes"
	"crypto/rand"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrUnhealthy refuses a transaction while the heads are not both valid and equal.
var ErrUnhealthy = errors.New("the header copies are not both valid and equal")

// session carries out steps on a device whose metadata lock the caller holds.
type session struct {
	dev    header.Device
	now    luks2.Copy // what both heads hold
	heads  header.Heads
	choice header.Choice
	raw    []byte       // both heads
	made   *far.Locator // of the far header that was written last
	random io.Reader
	o      Options
}

// Options say what is known beside the device.
type Options struct {
	// Tell is told each step before it begins; nil for silence.
	Tell func(Step)
	// Live lists the ranges of the device, in bytes, that mappings reach over; nil: there are none.
	Live func() ([]luks2.Extent, error)
	// Free tells that the room for a new far header is known to be free, whatever lies there. Otherwise
	// it must read as zeros.
	Free bool
}

// start makes sure that the heads are durable, in order, and still those a plan was made for.
func start(dev header.Device, planned luks2.Copy, o Options) (*session, error) {
	s := &session{dev: dev, random: rand.Reader, o: o}
	if err := commit.Settle(dev); err != nil {
		return nil, err
	}
	if err := s.look(); err != nil {
		return nil, err
	}
	if !same(s.now, planned) {
		return nil, header.ErrChanged
	}
	return s, nil
}

// look reads the heads and insists on two that agree.
func (s *session) look() error {
	s.heads = header.Read(s.dev)
	var err error
	if s.choice, err = header.Choose(s.heads); err != nil {
		return err
	}
	if !s.choice.Healthy() {
		return fmt.Errorf("%w: %v", ErrUnhealthy, s.choice.Reason)
	}
	s.now = s.choice.Copy
	s.raw, err = s.bytes()
	return err
}

// bytes are both heads as they are on the device.
func (s *session) bytes() ([]byte, error) {
	p := make([]byte, 2*s.now.Header.Size)
	if n, err := s.dev.ReadAt(p, 0); n < len(p) {
		return nil, errors.Join(err, io.ErrUnexpectedEOF)
	}
	return p, nil
}

// same compares what two copies say, whichever of the two places they are from.
func same(a, b luks2.Copy) bool {
	a.Header.Salt, a.Header.Offset = b.Header.Salt, b.Header.Offset
	return a.Header == b.Header && a.Metadata.Equal(b.Metadata)
}

// run carries out the steps, telling each before it begins. Where a write of any step went elsewhere and hit
// the heads that were to hold (an area is larger than both), what was durable is put back.
func (s *session) run(steps []Step) error {
	for _, step := range steps {
		if s.o.Tell != nil {
			s.o.Tell(step)
		}
		if err := step.act.run(s); err != nil {
			return fmt.Errorf("%s: %w", step.What, commit.Salvage(s.dev, err, s.now, s.random))
		}
	}
	return nil
}

// plan makes sure that the heads are, byte for byte, those of the last commit, and plans the next one.
func (s *session) plan(next luks2.Copy) (header.Plan, error) {
	raw, err := s.bytes()
	if err != nil {
		return header.Plan{}, err
	}
	if !bytes.Equal(raw, s.raw) {
		return header.Plan{}, header.ErrChanged
	}
	return header.PlanUpdate(s.heads, s.choice, next, s.random)
}

type commitHeads struct{ next luks2.Copy }

func (c commitHeads) run(s *session) error {
	plan, err := s.plan(c.next)
	if err != nil {
		return err
	}
	if err := commit.ApplySettled(s.dev, plan); err != nil {
		return err
	}
	return s.look()
}

type copyArea struct{ move }

func (c copyArea) run(s *session) error {
	material := make([]byte, c.from.Size)
	if n, err := s.dev.ReadAt(material, int64(c.from.Offset)); n < len(material) {
		return errors.Join(err, io.ErrUnexpectedEOF)
	}
	return commit.WriteArea(s.dev, fmt.Sprintf("area of keyslot %d", c.keyslot), c.to.Offset, material)
}

type wipeRanges struct {
	what   string
	ranges []luks2.Extent
}

func (w wipeRanges) run(s *session) error {
	for _, r := range w.ranges {
		noise := make([]byte, r.Size)
		if _, err := io.ReadFull(s.random, noise); err != nil {
			return err
		}
		if err := commit.WriteArea(s.dev, w.what, r.Offset, noise); err != nil {
			return err
		}
	}
	return nil
}

type exchangeHeads struct {
	old  uint64
	next luks2.Copy
}

func (e exchangeHeads) run(s *session) error {
	plan, err := s.plan(e.next)
	if err != nil {
		return err
	}
	one := func(place header.Place) error {
		var writes []header.Write
		for _, w := range plan.Writes {
			if w.Place == place {
				writes = append(writes, w)
			}
		}
		return commit.ApplySettled(s.dev, header.Plan{Writes: writes})
	}
	if err := one(header.Secondary); err != nil {
		return err
	}
	// A reader that finds the primary torn looks for a secondary at the lowest offset first.
	if err := commit.WriteArea(s.dev, "old secondary header", e.old, make([]byte, luks2.BinarySize)); err != nil {
		return err
	}
	if err := one(header.Primary); err != nil {
		return err
	}
	return s.look()
}
