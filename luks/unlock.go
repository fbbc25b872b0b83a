// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/unlock"
)

// AnyKeyslot lets Unlock try the keyslots by their priorities, and AddKey take the lowest free one.
const AnyKeyslot = unlock.AnyKeyslot

// Key is a key recovered from a keyslot, or given and verified.
type Key = unlock.Key

// UnlockOptions narrow where a passphrase is tried.
type UnlockOptions = unlock.Options

// Unlock tries the passphrase on the keyslots, the preferred ones first, in the header's order.
// The error is ErrPassphrase where it fits none, ErrNoUsableKeyslot where there is none to try,
// ErrKeyslotInactive where the one named is not there; a keyslot that cannot be read or needs more
// memory than there is does not stop the others, and is reported where none of them opens. Keyslots
// of one priority are derived side by side where processors and memory allow.
func (v *Volume) Unlock(ctx context.Context, passphrase []byte, o UnlockOptions) (*Key, error) {
	return unlock.Passphrase(ctx, v.dev, v.View, passphrase, o)
}

// VerifyKey takes over a key that was given and checks that it is the volume key: ErrVolumeKey
// where it is not, and the key is then closed.
func (v *Volume) VerifyKey(ctx context.Context, key *secret.Buffer) (*Key, error) {
	return unlock.Verify(ctx, v.View, key)
}
