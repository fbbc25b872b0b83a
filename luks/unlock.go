// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"

	"github.com/orthrus-luks/orthrus/dm/given"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/unlock"
)

// AnyKeyslot is the number of no keyslot: of a key that was given, or of a token that is to take the lowest free id.
const AnyKeyslot = unlock.AnyKeyslot

// Slot is a keyslot that is named, or left open. Left open, which is its zero value, Unlock tries all keyslots by their
// priorities, and AddKey takes the lowest free one.
type Slot = unlock.Slot

// At names a keyslot: luks.UnlockOptions{Keyslot: luks.At(3)}.
func At(id int) Slot { return unlock.At(id) }

// Key is a key recovered from a keyslot, or given and verified.
type Key = unlock.Key

// UnlockOptions narrow where a passphrase is tried. The zero value tries all keyslots whose costs are sane. The fields:
//
//	Keyslot  the Slot to try, whatever its priority; left open, all are tried
//	Unbound  let keyslots through whose key is not the volume key
//	Only     func(Keyslot) bool that narrows the keyslots further
//	Admit    func(kdf.Params) error that judges costs; nil for kdf.OpeningLimits
type UnlockOptions = unlock.Options

// Unlock tries the passphrase on the keyslots, the preferred ones first, in the header's order.
// The error is ErrPassphrase where it fits none, ErrNoUsableKeyslot where there is none to try,
// ErrKeyslotInactive where the one named is not there; a keyslot that cannot be read or needs more
// memory than there is does not stop the others, and is reported where none of them opens. Keyslots
// of one priority are derived side by side where processors and memory allow.
func (v *Volume) Unlock(ctx context.Context, passphrase []byte, o UnlockOptions) (*Key, error) {
	dev := v.device()
	if dev == nil {
		return nil, ErrNoDevice
	}
	if err := given.Context(ctx); err != nil {
		return nil, err
	}
	return unlock.Passphrase(ctx, dev, *v.now(), passphrase, o)
}

// VerifyKey takes over a key that was given and checks that it is the volume key: ErrVolumeKey
// where it is not, and the key is then closed.
func (v *Volume) VerifyKey(ctx context.Context, key *secret.Buffer) (*Key, error) {
	return unlock.Verify(ctx, *v.now(), key)
}
