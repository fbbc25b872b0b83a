// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"context"
	"errors"
	"runtime"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
)

// HeldRing is the keyring, linked in root's user keyring, of the keys that are held for mappings.
const HeldRing = "orthrus-guard"

// HoldKey keeps a volume key for as long as its mapping is active, so that a longer table can be
// loaded without a passphrase. It is a "logon" key under the name that the table has: no process can
// read it back. Needs root, whose user keyring outlives this process.
func HoldKey(volume string, digest int, key *secret.Buffer) error {
	return withUserKeyring(func() error {
		ring, err := heldRing(true)
		if err != nil {
			return err
		}
		_, err = keyring.Add(keyring.TypeLogon, LogonDescription(volume, digest), key.Bytes(), ring)
		return err
	})
}

// ReleaseKey revokes the keys held for a volume, given with dashes or without; "" stands for all
// volumes. It returns how many there were.
func ReleaseKey(volume string) (released int, err error) {
	err = withUserKeyring(func() error {
		released, err = releaseMatching(func(description string) bool { return volume == "" || isKeyOf(description, volume) })
		return err
	})
	return released, err
}

// HoldsKey tells whether a key of the volume is held.
func HoldsKey(volume string) bool {
	found := false
	_ = withUserKeyring(func() error {
		_, err := eachHeld(func(_ keyring.ID, description string) error {
			found = found || isKeyOf(description, volume)
			return nil
		})
		return err
	})
	return found
}

// isKeyOf compares with "cryptsetup:<uuid>-d<digest>".
func isKeyOf(description, volume string) bool {
	name, isOurs := strings.CutPrefix(description, "cryptsetup:")
	i := strings.LastIndex(name, "-d")
	if !isOurs || i < 0 {
		return false
	}
	bare := strings.NewReplacer("-", "").Replace
	return bare(name[:i]) == bare(volume)
}

func releaseMatching(matches func(description string) bool) (int, error) {
	released := 0
	ring, err := eachHeld(func(id keyring.ID, description string) error {
		if !matches(description) {
			return nil
		}
		released++
		return keyring.Revoke(id)
	})
	if err != nil || released == 0 {
		return released, err
	}
	// Revoked keys stay linked until they are unlinked; the others go back in.
	ids, err := keyring.Keys(ring)
	if err != nil {
		return released, err
	}
	for _, id := range ids {
		if _, err := keyring.Describe(id); errors.Is(err, keyring.ErrKeyRevoked) {
			if err := keyring.Unlink(id, ring); err != nil {
				return released, err
			}
		}
	}
	return released, nil
}

// eachHeld visits the keys that are held and still valid.
func eachHeld(visit func(id keyring.ID, description string) error) (ring keyring.ID, err error) {
	ring, err = heldRing(false)
	if errors.Is(err, keyring.ErrNoKey) {
		return ring, nil
	}
	if err != nil {
		return ring, err
	}
	ids, err := keyring.Keys(ring)
	if err != nil {
		return ring, err
	}
	for _, id := range ids {
		d, err := keyring.Describe(id)
		if err != nil {
			continue // expired or revoked
		}
		if err := visit(id, d.Description); err != nil {
			return ring, err
		}
	}
	return ring, nil
}

func heldRing(create bool) (keyring.ID, error) {
	ring, err := keyring.Search(keyring.User, keyring.TypeKeyring, HeldRing)
	if errors.Is(err, keyring.ErrNoKey) && create {
		return keyring.Add(keyring.TypeKeyring, HeldRing, nil, keyring.User)
	}
	return ring, err
}

// withUserKeyring makes the user keyring and what is linked in it this thread's own, whatever
// session it is in: without that the keys can be seen and not be used.
func withUserKeyring(use func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if err := keyring.Link(keyring.User, keyring.Thread); err != nil {
		return err
	}
	user, err := keyring.Resolve(keyring.User, false)
	if err != nil {
		return err
	}
	return errors.Join(use(), keyring.Unlink(user, keyring.Thread))
}

// Lengthen gives a running mapping another length, in 512-byte sectors, and leaves everything else of its
// table as it is. The key is the one in the table, which confirm must know, or the one that HoldKey keeps;
// dm.ErrNoKey where there is none. The mapping stays as it was when it fails; StateError where it is
// suspended or its key is not the volume's.
func Lengthen(ctx context.Context, c Mapper, name string, sectors uint64, confirm Confirm) error {
	return withUserKeyring(func() (err error) {
		now, err := Read(c, name)
		if err != nil {
			return err
		}
		defer func() { err = errors.Join(err, now.Close()) }()
		key, err := now.Key(confirm)
		if err != nil {
			return err
		}
		defer key.Close()
		now.Crypt.Length = sectors
		return exchange(ctx, c, name, now.table, now.Info.ReadOnly)
	})
}
