// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Confirm is what tells a key that stands in a mapping's table from zeros and other keys, by the digest in
// the header: an activate.Confirm. Its error is ErrUnsupported where the header has no digest of a known
// type.
func (v *Volume) Confirm(ctx context.Context) func(key []byte) (bool, error) {
	return func(key []byte) (bool, error) {
		taken, err := secret.Copy(key)
		if err != nil {
			return false, err
		}
		verified, err := v.VerifyKey(ctx, taken)
		if errors.Is(err, ErrVolumeKey) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		return true, verified.Close()
	}
}
