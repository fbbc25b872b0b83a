// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// FarSync is what Sync did.
type FarSync struct {
	Updated bool        // the far header was brought into step
	Refixed bool        // the data segment was made to end below it again
	Wiped   []far.Place // forgotten copies
	// Left are the forgotten copies that were not wiped, with the reasons.
	Left map[far.Place]error
}

// Sync brings the far header into step with the heads, after another tool changed them or an update was cut
// off, and wipes forgotten copies of it: those at the device's end and in others. Where another tool gave the
// metadata another length, it is made anew. Where the data segment reaches over the far header it needs room,
// and makes the segment end before it. It refuses with one of the errors of package far, and writes nothing,
// where the ownership rules say so. done tells what was done, with an error too.
func Sync(s *commit.Session, room *Room, others []far.Found, done *FarSync) error {
	f, err := s.Far()
	if err != nil {
		return err
	}
	if f.HasToken || f.Why != nil || len(f.Forgotten)+len(others) == 0 {
		if err := syncInForce(s, f, room, done); err != nil {
			return err
		}
	}
	return wipeForgotten(s, f, others, done)
}

// syncInForce brings the far header in force into step.
func syncInForce(s *commit.Session, f far.Status, room *Room, done *FarSync) error {
	err := f.Writable()
	if errors.Is(err, far.ErrLength) && !f.Covered {
		done.Updated = true
		return refit(s)
	}
	if err != nil && (!errors.Is(err, far.ErrCovered) || room == nil) {
		return err
	}
	if f.Exposed && room != nil {
		if err := refix(s, f, *room); err != nil {
			return err
		}
		done.Refixed = true
		if f, err = s.Far(); err != nil {
			return err
		}
	}
	if err := f.Writable(); err != nil {
		return err
	}
	done.Updated = f.Standing != far.InStep
	return s.Refresh(f.Token.Far)
}

func refit(s *commit.Session) error {
	steps, err := PlanRefit(s.Now())
	if err != nil {
		return err
	}
	return s.Run(s.Now(), steps)
}

func refix(s *commit.Session, f far.Status, room Room) error {
	steps, err := PlanRefix(s.Now(), f.Token, room.End, room.shorten)
	if err != nil {
		return err
	}
	return s.Run(s.Now(), steps)
}

// wipeForgotten wipes other copies of this volume's far header where they are whole and nothing reaches
// over them.
func wipeForgotten(s *commit.Session, f far.Status, others []far.Found, done *FarSync) error {
	for _, forgotten := range append(f.Forgotten, others...) {
		place := forgotten.Place
		if _, tried := done.Left[place]; tried || place == f.Token.Far || !forgotten.Of(s.Now()) {
			continue
		}
		if err := s.Wipe(forgotten, f.Token.Far); err != nil {
			done.Left[place] = err
			continue
		}
		done.Wiped = append(done.Wiped, place)
	}
	for place, err := range done.Left {
		return &commit.FarError{Place: place, Err: err}
	}
	return nil
}
