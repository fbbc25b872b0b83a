// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/given"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/keys"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/unlock"
)

// NewKeyslot says how a passphrase is to protect a key; the zero value is an ordinary keyslot. The fields:
//
//	ID                     a Slot; left open, the lowest free one
//	KDF                    kdf.Params: costs, measured where the type is left out
//	Cipher, CipherKeySize  LUKS2: of the keyslot area; empty for the default
//	Hash                   LUKS2: of the splitter and new digests; empty for sha256
//	Priority               LUKS2; normal where it is left out
//	DigestIterations       cost of the digest of an unbound key; 0 for the least
//	Aside                  func(backup []byte) error, which keeps what ChangeKey overwrites in LUKS1
type NewKeyslot = keys.New

// InPlaceError refuses to change a keyslot over itself. It wraps luks2.ErrNoRoom.
type InPlaceError = keys.InPlaceError

// OverwriteError says that a keyslot was lost while it was changed in place.
type OverwriteError = keys.OverwriteError

// ErrLUKSMeta refuses what would go over data of luksmeta behind the keyslots of LUKS1.
var ErrLUKSMeta = header.ErrLUKSMeta

// AddKey protects key, which Unlock or VerifyKey gave, with one more passphrase and returns the
// new keyslot's id. Errors: luks2.ErrTaken, luks2.ErrNoID, luks2.ErrNoRoom, ErrMeanwhile where the passphrase
// that gave the key was revoked since, those of the KDF and of writing.
func (v *Volume) AddKey(ctx context.Context, key *Key, passphrase []byte, n NewKeyslot) (int, error) {
	if err := whole(ctx, key, passphrase); err != nil {
		return 0, err
	}
	now := v.now()
	if err := now.CheckRequirements(); err != nil {
		return 0, err
	}
	s, err := keys.Seal(ctx, *now, key.Bytes(), passphrase, n)
	if err != nil {
		return 0, err
	}
	expect := unlock.Authority(*now, key)
	if now.Version == 1 {
		return v.add1(ctx, expect, s, n)
	}
	return v.add2(ctx, expect, s, n, keys.Bound(key.Digest))
}

// AddUnboundKey stores a key of its own, which does not open the data. LUKS2 only.
func (v *Volume) AddUnboundKey(ctx context.Context, key, passphrase []byte, n NewKeyslot) (int, error) {
	if err := errors.Join(given.Context(ctx), someone(passphrase), v.only2("unbound keyslots")); err != nil {
		return 0, err
	}
	now := v.now()
	if err := now.CheckRequirements(); err != nil {
		return 0, err
	}
	s, err := keys.Seal(ctx, *now, key, passphrase, n)
	if err != nil {
		return 0, err
	}
	link, err := keys.Unbound(ctx, key, s, n.DigestIterations)
	if err != nil {
		return 0, err
	}
	return v.add2(ctx, commit.Expect{}, s, n, link)
}

func (v *Volume) add2(ctx context.Context, expect commit.Expect, s keys.Sealed, n NewKeyslot,
	link keys.Link,
) (id int, err error) {
	err = v.update2(ctx, func(session *commit.Session) (c commit.Change, err error) {
		c, id, err = keys.Add(session.Now(), s, n, link)
		c.Expect = expect
		return c, err
	})
	return id, err
}

func (v *Volume) add1(ctx context.Context, expect commit.Expect, s keys.Sealed, n NewKeyslot) (id int, err error) {
	err = v.update1(ctx, func(h luks1.Header) (c commit.Change1, err error) {
		c, id, err = keys.Add1(h, s, n.ID)
		c.Expect = expect
		return c, err
	})
	return id, err
}

// ChangeKey puts key under a new passphrase in place of the keyslot it came from, which keeps its
// id (LUKS2), links, priority and unknown members. The new material is durable and named by the
// header before the old one is wiped, so there is no moment without a key. Where the keyslots area
// is full, the keyslot takes a detour over room between that area and the data, and comes back: a transaction
// that Resume concludes. A volume without such room either is refused with an InPlaceError. In LUKS1, whose
// keyslots have fixed places, the key moves to a free keyslot if there is one, and comes back where n.ID names
// the keyslot itself; where all are taken it takes the same detour, on which keyslot 6 keeps its
// iterations, and without room n.Aside decides. The keyslot's id is returned. ErrMeanwhile: it is another
// keyslot by now. OverwriteError: see there.
func (v *Volume) ChangeKey(ctx context.Context, key *Key, passphrase []byte, n NewKeyslot) (id int, err error) {
	if err := whole(ctx, key, passphrase); err != nil {
		return 0, err
	}
	now := v.now()
	if err := now.CheckRequirements(); err != nil {
		return 0, err
	}
	if v.device() == nil {
		return 0, ErrNoDevice
	}
	slot, err := now.Keyslot(key.Keyslot)
	if err != nil {
		return 0, err
	}
	s, err := keys.SealOver(ctx, v.dev, *now, key.Bytes(), passphrase, n, slot.ID)
	if err != nil {
		return 0, err
	}
	expect := unlock.Authority(*now, key)
	expect.Keyslots = []commit.Identity{slot.Identity}
	if now.Version == 1 {
		err = v.enter1(ctx, func(session *commit.Session1) (err error) {
			id, err = keys.Change1(session, expect, s, n.ID == At(slot.ID), v.aside(n.Aside))
			return err
		})
		return id, err
	}
	return slot.ID, v.enter(ctx, commit.Options{Free: true}, func(session *commit.Session) error {
		return keys.Change(session, expect, s)
	})
}

// aside gives a backup of the header as it is to somebody who keeps it; nil for nobody.
func (v *Volume) aside(keep func([]byte) error) func() error {
	if keep == nil {
		return nil
	}
	return func() error {
		backup, err := v.backup()
		if err != nil {
			return err
		}
		return keep(backup)
	}
}

// KillKeyslot wipes the material of a keyslot that this volume shows, then removes it from the header. by is the
// key whose passphrase allowed that; nil for none. The last keyslot of a key that data need goes only where
// it was the last when the volume was loaded, so that the caller could ask: see Last. Errors:
// ErrKeyslotInactive, keys.ErrReencryption for what a reencryption needs to go on, ErrMeanwhile where the keyslot is
// another one by now, with ErrLastKey where the others went, with ErrAuthority where the passphrase did.
func (v *Volume) KillKeyslot(ctx context.Context, id int, by *Key) error {
	now := v.now()
	slot, err := now.Keyslot(id)
	if err != nil {
		return err
	}
	expect := unlock.Authority(*now, by)
	expect.Keyslots = []commit.Identity{slot.Identity}
	if slot.OpensData() && !v.Last(slot) {
		expect.Remains = slot.Digest.Sum
	}
	if now.Version == 1 {
		return v.update1(ctx, func(h luks1.Header) (commit.Change1, error) { return keys.Kill1(h, expect, id) })
	}
	return v.update2(ctx, func(s *commit.Session) (commit.Change, error) { return keys.Kill(s, expect, slot) })
}

// Erase destroys every keyslot that opens the data, those too that somebody added since this volume was loaded, and
// in a reencryption those of both keys: the material of all first, then one change of the header. Where it ends
// without an error, nobody opens the data any more. Keyslots of other keys stay. Heads that contradict each other
// under one sequence number lose the keyslots of both. EraseFar comes before it, and after it where they do so.
func (v *Volume) Erase(ctx context.Context) error {
	if v.is(1) {
		return v.update1(ctx, keys.Erase1)
	}
	return v.change2(ctx, commit.Options{Ends: true}, keys.Erase)
}
