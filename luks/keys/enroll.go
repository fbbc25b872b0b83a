// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// The kinds of failure.
var (
	// ErrTokensFull: there is no room for one more token.
	ErrTokensFull = errors.New("all 32 tokens are taken")
	// ErrUntrue: what was sealed does not give its key back.
	ErrUntrue = errors.New("the new keyslot does not open with its own passphrase")
	// ErrNobody: what would be left opens with hardware, a server or a program only.
	ErrNobody = errors.New("no passphrase or recovery key would be left")
)

// Try opens the sealed keyslot as whoever has the passphrase will: ErrUntrue where that gives another key.
func (s Sealed) Try(ctx context.Context, key, passphrase []byte) error {
	got, err := keyslot.Open(ctx, s.spec, s.material, passphrase, nil)
	if err != nil {
		return err
	}
	if !got.Equal(key) {
		err = ErrUntrue
	}
	return errors.Join(err, got.Close())
}

// Enroll is Add with a token for the new keyslot, in the same change: there is no state with one and without the
// other. text is the token's, whose list of keyslots gets the new one.
func Enroll(now luks2.Copy, s Sealed, n New, link Link, text []byte) (c commit.Change, id, token int, err error) {
	if c, id, err = Add(now, s, n, link); err != nil {
		return c, id, 0, err
	}
	if token, err = c.Next.Metadata.FreeTokenID(); err != nil {
		return c, id, token, ErrTokensFull
	}
	if text, err = luks2.WithKeyslot(text, id); err != nil {
		return c, id, token, err
	}
	return c, id, token, c.Next.Metadata.SetToken(token, text)
}

// Disenroll is Kill of several keyslots together with the tokens that have no other, in one change. The last keyslot of
// a key that data need stays: commit.ErrLastKey, in a fault.KeyslotError. marks tells of the tokens that take nothing
// away from whoever types; where it is not nil, ErrNobody refuses to leave no keyslot that a person opens.
func Disenroll(s *commit.Session, expect commit.Expect, slots []view.Keyslot, marks func(luks2.Token) bool,
) (c commit.Change, err error) {
	c = commit.Change{Expect: expect, Next: s.Now()}
	var ids []int
	for _, slot := range slots {
		one, err := Kill(s, expect, slot)
		if err = errors.Join(err, c.Next.Metadata.RemoveKeyslot(slot.ID)); err != nil {
			return c, err
		}
		ids, c.Before = append(ids, slot.ID), append(c.Before, one.Before...)
	}
	for _, slot := range slots {
		if err := opened(s, c.Next.Metadata, slot, marks); err != nil {
			return c, fault.Keyslot(slot.ID, err)
		}
	}
	for _, t := range s.Now().Metadata.Tokens() {
		if t.Within(ids) {
			err = errors.Join(err, c.Next.Metadata.RemoveToken(t.ID))
		}
	}
	return c, err
}

// opened refuses metadata without a keyslot to open what a keyslot opens that is gone.
func opened(s *commit.Session, next *luks2.Metadata, gone view.Keyslot, marks func(luks2.Token) bool) error {
	live := slices.DeleteFunc(next.Keyslots(), func(k luks2.Keyslot) bool {
		d, known := next.DigestOfKeyslot(k.ID)
		serves := known && d.ServesData() && (!gone.OpensData() || bytes.Equal(d.Value, gone.Digest.Sum))
		return !serves || k.Type != luks2.TypeLUKS2 || !s.Lives(k)
	})
	switch {
	case gone.OpensData() && len(live) == 0:
		return commit.ErrLastKey
	case marks != nil && !slices.ContainsFunc(live, func(k luks2.Keyslot) bool { return typed(next, k, marks) }):
		return ErrNobody
	}
	return nil
}

// typed tells whether a person opens a keyslot: it is tried without being named, and its tokens, where it has any, only
// mark what is typed.
func typed(m *luks2.Metadata, k luks2.Keyslot, marks func(luks2.Token) bool) bool {
	return k.Priority != luks2.PriorityIgnore && !slices.ContainsFunc(m.Tokens(), func(t luks2.Token) bool {
		return slices.Contains(t.Keyslots, k.ID) && !marks(t)
	})
}
