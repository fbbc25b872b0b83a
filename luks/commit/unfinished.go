// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrInForce is wrapped by an UnfinishedError whose change counts already.
var ErrInForce = errors.New("the change is in force")

// UnfinishedError says what came of a change that a failed write cut off, where that is not nothing.
type UnfinishedError struct {
	// InForce: a valid header says what was asked for; what was to follow it is not done.
	InForce bool
	// Struck are keyslots that the header in force still has, and whose material was overwritten, at least in part.
	Struck []int
	// Left is what was to be overwritten, in bytes, and may still be there.
	Left []luks2.Extent
	Err  error
}

func (e *UnfinishedError) Error() string {
	text := fmt.Sprintf("the key material of %s may be overwritten, and the header still has it",
		luks2.NameKeyslots(e.Struck))
	if e.InForce {
		text = ErrInForce.Error() + ", and writing it was cut off"
	}
	for _, l := range e.Left {
		text += fmt.Sprintf("; what was to be overwritten at bytes %d to %d may still be there", l.Offset, l.End()-1)
	}
	return text + ": " + e.Err.Error()
}

func (e *UnfinishedError) Unwrap() []error {
	if e.InForce {
		return []error{ErrInForce, e.Err}
	}
	return []error{e.Err}
}

// Settling marks the error of a step that only tidies up after a change which is in force; nil stays nil.
func Settling(err error) error {
	if err == nil || errors.Is(err, ErrInForce) {
		return err
	}
	return &UnfinishedError{InForce: true, Err: err}
}

// Preparing takes that mark off the error of a change that only makes way for another one.
func Preparing(err error) error {
	var e *UnfinishedError
	if errors.As(err, &e) && e.InForce {
		return e.Err
	}
	return err
}

// unfinished wraps the error of a change that was cut off, where it left something that a person must know.
// inForce tells whether the device says now what was asked for; owned are the areas of the keyslots of before.
func unfinished(dev header.Device, failed error, inForce bool, owned map[int]luks2.Extent, before, after []Area) error {
	e := &UnfinishedError{InForce: inForce, Err: failed}
	if inForce {
		for _, a := range after {
			if compare(dev, a) != nil {
				e.Left = append(e.Left, a.Extent())
			}
		}
		return e
	}
	for id, area := range owned {
		written := func(a Area) bool { return area.Overlaps(a.Extent()) && reached(dev, failed, a) }
		if slices.ContainsFunc(before, written) {
			e.Struck = append(e.Struck, id)
		}
	}
	if len(e.Struck) == 0 {
		return failed
	}
	slices.Sort(e.Struck)
	return e
}

// reached tells whether an area was written, or was being written when the failure came.
func reached(dev header.Device, failed error, a Area) bool {
	var at *WriteError
	return errors.As(failed, &at) && at.What == a.What && at.Offset == a.Offset || compare(dev, a) == nil
}

// cutOff looks at what a change that failed left of a LUKS2 volume.
func (s *Session) cutOff(failed error, c Change, next luks2.Copy) error {
	owned := map[int]luks2.Extent{}
	for _, k := range s.choice.Copy.Metadata.Keyslots() {
		owned[k.ID] = luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}
	}
	now, err := header.Choose(header.Read(s.dev))
	inForce := err == nil && sameWords(now.Copy, next) ||
		err != nil && acknowledged(failed, luks2.Extent{Size: 2 * next.Header.Size})
	return unfinished(s.dev, failed, inForce, owned, c.Before, c.After)
}

// acknowledged: a header was written and synced, and the device gives an error when it is read again. What is wrong on
// the medium is no such error.
func acknowledged(failed error, headers luks2.Extent) bool {
	var at *WriteError
	return errors.As(failed, &at) && at.Op == readBack && !errors.Is(failed, ErrReadBack) &&
		headers.Contains(luks2.Extent{Offset: at.Offset})
}

// cutOff does so for LUKS1.
func (s *Session1) cutOff(failed error, c Change1) error {
	owned := map[int]luks2.Extent{}
	for _, id := range s.now.EnabledKeyslots() {
		offset, length := s.now.Material(id)
		owned[id] = luks2.Extent{Offset: uint64(offset), Size: uint64(length)}
	}
	now, err := header.Read1(s.dev)
	inForce := err == nil && now == c.Next && s.now != c.Next ||
		err != nil && acknowledged(failed, luks2.Extent{Size: luks1.ReservedSize})
	return unfinished(s.dev, failed, inForce, owned, c.Before, c.After)
}
