// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/keys"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/unlock"
)

// The kinds of failure to enrol and to take back.
var (
	// ErrTokensFull: there is no room for one more token.
	ErrTokensFull = keys.ErrTokensFull
	// ErrNobody refuses to take away the last keyslot that a person opens by typing.
	ErrNobody = keys.ErrNobody
)

// Enroll is AddKey with a token for the new keyslot, both in one commit. The passphrase is tried on what is going to
// be written before that. text is the token's JSON, whose list of keyslots gets the new one. LUKS2 only. Errors: those
// of AddKey, ErrTokensFull, keys.ErrUntrue.
func (v *Volume) Enroll(ctx context.Context, key *Key, passphrase []byte, n NewKeyslot,
	text []byte,
) (keyslot, token int, err error) {
	if err := whole(ctx, key, passphrase); err != nil {
		return 0, 0, err
	}
	if err := errors.Join(v.only2("tokens"), v.now().CheckRequirements()); err != nil {
		return 0, 0, err
	}
	s, err := keys.Seal(ctx, *v.now(), key.Bytes(), passphrase, n)
	if err == nil {
		err = s.Try(ctx, key.Bytes(), passphrase)
	}
	if err != nil {
		return 0, 0, err
	}
	err = v.update2(ctx, func(session *commit.Session) (c commit.Change, err error) {
		c, keyslot, token, err = keys.Enroll(session.Now(), s, n, keys.Bound(key.Digest), text)
		c.Expect = unlock.Authority(*v.now(), key)
		return c, err
	})
	return keyslot, token, err
}

// Disenroll is KillKeyslot of several keyslots together with the tokens that have no other, in one commit. The last
// keyslot of a key that data need stays, whoever asks: ErrLastKey, in a KeyslotError. marks tells of the tokens that
// only mark what people type; where it is not nil, what remains has a keyslot in no other token: ErrNobody, in a
// KeyslotError. LUKS2 only. Further errors are those of KillKeyslot.
func (v *Volume) Disenroll(ctx context.Context, ids []int, by *Key, marks func(luks2.Token) bool) error {
	if err := errors.Join(v.only2("tokens"), v.now().CheckRequirements()); err != nil {
		return err
	}
	expect := unlock.Authority(*v.now(), by)
	var slots []Keyslot
	for _, id := range ids {
		slot, err := v.now().Keyslot(id)
		if err != nil {
			return err
		}
		slots, expect.Keyslots = append(slots, slot), append(expect.Keyslots, slot.Identity)
	}
	return v.update2(ctx, func(s *commit.Session) (commit.Change, error) {
		return keys.Disenroll(s, expect, slots, marks)
	})
}
