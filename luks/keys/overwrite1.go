// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
)

// OverwriteError says that a keyslot was being changed in place when that failed: it holds no key, and what it
// was is in the backup that was put aside.
type OverwriteError struct {
	Keyslot int
	Err     error
}

func (e *OverwriteError) Error() string {
	return fmt.Sprintf("keyslot %d is lost: %v", e.Keyslot, e.Err)
}

// Unwrap gives the reason.
func (e *OverwriteError) Unwrap() error { return e.Err }

// changeFull1 is for a header whose keyslots are all taken. aside makes a copy elsewhere of what is overwritten
// where no room is left beside it; nil refuses that.
func changeFull1(session *commit.Session1, expect commit.Expect, id int, s Sealed, aside func() error) error {
	err := detour1(session, expect, id, s)
	var noRoom *InPlaceError
	if aside == nil || !errors.As(err, &noRoom) {
		return err
	}
	if err := aside(); err != nil {
		return &InPlaceError{id, err}
	}
	return overwrite1(session, expect, id, s)
}

// overwrite1 disables a keyslot and enables it with other material in the same place.
func overwrite1(session *commit.Session1, expect commit.Expect, id int, s Sealed) error {
	now := session.Now()
	if err := session.Do(commit.Change1{Expect: expect, Next: now.WithoutKeyslot(id)}); err != nil {
		var meanwhile *commit.MeanwhileError
		if errors.As(err, &meanwhile) {
			return err
		}
		return &OverwriteError{id, err}
	}
	home, _ := now.Material(id)
	err := session.Do(commit.Change1{
		Next: s.Enable(now, id), Before: []commit.Area{s.Material(id, uint64(home))},
	})
	if err != nil {
		return &OverwriteError{id, err}
	}
	return nil
}
