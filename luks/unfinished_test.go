// SPDX-License-Identifier: Apache-2.0

package luks_test

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/commit"
)

// opening lists which of three passphrases open the volume.
func opening(t *testing.T, dev luks.Device) string {
	t.Helper()
	var list []string
	for _, p := range []string{"one", "two", "three"} {
		if opens(t, dev, p) {
			list = append(list, p)
		}
	}
	return strings.Join(list, " ")
}

// Each write in turn is the first one that fails: what the error says of the change is what the volume shows.
func TestAFailedWriteSaysWhatCameOfTheChange(t *testing.T) {
	changes := map[string]struct {
		do      func(t *testing.T, v *luks.Volume) error
		inForce string
	}{
		"adding a key": {func(t *testing.T, v *luks.Volume) error {
			_, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("three"), cheap)
			return err
		}, "one two three"},
		"changing a key": {func(t *testing.T, v *luks.Volume) error {
			_, err := v.ChangeKey(ctx, unlock(t, v, "two"), []byte("three"), cheap)
			return err
		}, "one three"},
		"removing a key": {func(_ *testing.T, v *luks.Volume) error { return v.KillKeyslot(ctx, 1, nil) }, "one"},
	}
	versions(t, func(t *testing.T, version int) {
		for name, c := range changes {
			whole, v := formatted(t, version)
			if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
				t.Fatal(err)
			}
			for n, done := 0, false; !done; n++ {
				dev := &failing{memory{image: bytes.Clone(whole.image)}, 1000}
				v := loaded(t, dev)
				dev.left = n
				err := c.do(t, v)
				done = err == nil
				judgeFailure(t, fmt.Sprintf("%s, %d writes", name, n), err, opening(t, dev), c.inForce)
			}
		}
	})
}

// unreadable gives an error for each read after so many.
type unreadable struct {
	memory
	left int
}

func (u *unreadable) ReadAt(p []byte, off int64) (int, error) {
	if u.left == 0 {
		return 0, errBroken
	}
	u.left--
	return u.memory.ReadAt(p, off)
}

// Each read in turn is the first one that fails: what is in is said to be.
func TestAFailedReadSaysThatTheChangeIsIn(t *testing.T) {
	versions(t, func(t *testing.T, version int) {
		whole, v := formatted(t, version)
		if _, err := v.AddKey(ctx, unlock(t, v, "one"), []byte("two"), cheap); err != nil {
			t.Fatal(err)
		}
		said, done := 0, false
		for n := 0; !done; n++ {
			dev := &unreadable{memory{image: bytes.Clone(whole.image)}, -1}
			v := loaded(t, dev)
			key := unlock(t, v, "one")
			dev.left = n
			_, err := v.AddKey(ctx, key, []byte("three"), cheap)
			dev.left = -1
			done = err == nil
			if errors.Is(err, commit.ErrInForce) {
				said++
			}
			if opens(t, dev, "three") && !done && !errors.Is(err, commit.ErrInForce) {
				t.Errorf("%d reads: %v, and the key opens", n, err)
			}
		}
		if said == 0 {
			t.Error("no read failed behind the change")
		}
	})
}

// judgeFailure holds an error against which passphrases open after it.
func judgeFailure(t *testing.T, what string, err error, now, inForce string) {
	t.Helper()
	if said := err == nil || errors.Is(err, commit.ErrInForce); said && now != inForce {
		t.Errorf("%s: %v, and %q open", what, err, now)
	}
	var e *commit.UnfinishedError
	if struck := errors.As(err, &e) && slices.Contains(e.Struck, 1); errors.Is(err, commit.ErrInForce) || struck {
		return
	}
	if err != nil && now != "one two" {
		t.Errorf("%s: %v says nothing of the change, and %q open", what, err, now)
	}
}
