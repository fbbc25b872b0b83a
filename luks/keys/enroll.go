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
		return c, id, token, err
	}
	if text, err = luks2.WithKeyslot(text, id); err != nil {
		return c, id, token, err
	}
	return c, id, token, c.Next.Metadata.SetToken(token, text)
}

// Disenroll is Kill with the tokens that have no other keyslot, in the same change. marks tells of the tokens that
// take nothing away from whoever types; where it is not nil, ErrNobody refuses to leave no keyslot that a person opens.
func Disenroll(s *commit.Session, expect commit.Expect, slot view.Keyslot, marks func(luks2.Token) bool,
) (commit.Change, error) {
	now := s.Now().Metadata
	if marks != nil && !typedBesides(s, slot.ID, marks) {
		return commit.Change{}, fault.Keyslot(slot.ID, ErrNobody)
	}
	c, err := Kill(s, expect, slot)
	if err != nil {
		return c, err
	}
	for _, t := range now.Tokens() {
		if len(t.Keyslots) == 1 && t.Keyslots[0] == slot.ID {
			err = errors.Join(err, c.Next.Metadata.RemoveToken(t.ID))
		}
	}
	return c, err
}

// typedBesides tells whether a person opens the data by another keyslot than that one: by one that is tried without
// being named, whose material lives and whose tokens, where it has any, only mark what is typed.
func typedBesides(s *commit.Session, id int, marks func(luks2.Token) bool) bool {
	m := s.Now().Metadata
	data := keyOf(m, id)
	return slices.ContainsFunc(m.Keyslots(), func(k luks2.Keyslot) bool {
		d, known := m.DigestOfKeyslot(k.ID)
		serves := known && d.ServesData() && (data == nil || bytes.Equal(d.Value, data))
		tried := k.ID != id && k.Type == luks2.TypeLUKS2 && k.Priority != luks2.PriorityIgnore
		return tried && serves && !bound(m, k.ID, marks) && s.Lives(k)
	})
}

// bound tells whether a token that does more than mark has that keyslot.
func bound(m *luks2.Metadata, id int, marks func(luks2.Token) bool) bool {
	return slices.ContainsFunc(m.Tokens(), func(t luks2.Token) bool {
		return slices.Contains(t.Keyslots, id) && !marks(t)
	})
}

// keyOf is the digest of a keyslot's key where data need that; nil for other keyslots.
func keyOf(m *luks2.Metadata, id int) []byte {
	if d, known := m.DigestOfKeyslot(id); known && d.ServesData() {
		return d.Value
	}
	return nil
}
