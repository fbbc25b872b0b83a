// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
)

// Attempt tries one secret, a passphrase on the keyslots as options say or a volume key on the header's
// digest. The secret stays the caller's. Errors are those of luks.Volume.Unlock and VerifyKey.
func Attempt(ctx context.Context, v *luks.Volume, s Secret, options luks.UnlockOptions) (*luks.Key, error) {
	if s.VolumeKey {
		copied, err := secret.Copy(s.Bytes())
		if err != nil {
			return nil, err
		}
		return v.VerifyKey(ctx, copied)
	}
	if options.Keyslot.Open() {
		options.Keyslot = luks.At(s.Keyslot)
	}
	return v.Unlock(ctx, s.Bytes(), options)
}

// Unlock lets sources race for the volume key, each secret tried as options say. See Race.
func Unlock(ctx context.Context, v *luks.Volume, entries []Entry, options luks.UnlockOptions) (Win, error) {
	race := Race{Open: func(ctx context.Context, s Secret) (*luks.Key, error) { return Attempt(ctx, v, s, options) }}
	return race.Run(ctx, entries)
}
