// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/keyslot"
)

// ErrUnproven is returned for a volume that was written and then did not open.
var ErrUnproven = errors.New("the new header does not open")

// prove opens a new volume once, from what the device has, by the rules of the strictest reader. The key must
// be the volume key that it was made with.
func (v *Volume) prove(ctx context.Context, passphrase []byte, id int) error {
	for _, k := range v.Keyslots {
		if k.ID != id || v.Version == 1 {
			continue
		}
		if err := keyslot.CheckCipher(k.Spec.Cipher, k.Spec.CipherKeySize); err != nil {
			return fmt.Errorf("%w: %w", ErrUnproven, err)
		}
	}
	key, err := v.Unlock(ctx, passphrase, UnlockOptions{Keyslot: id})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	return key.Close()
}
