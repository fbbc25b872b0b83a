// SPDX-License-Identifier: Apache-2.0

package open

import (
	"bytes"
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/token"
	"github.com/orthrus-luks/orthrus/luks/token/recoverykey"
)

// RecoveryKeyslots are those that tokens say have recovery keys; never nil.
func RecoveryKeyslots(v *luks.Volume) []int {
	ids := []int{}
	if v == nil || v.Version != 2 {
		return ids
	}
	for _, t := range v.Metadata().Tokens() {
		if t.Type == token.TypeRecovery {
			ids = append(ids, t.Keyslots...)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

// Typed tries what a person typed, and closes it. A recovery key in another spelling than its own is tried in its own:
// on its keyslots before anything else, which costs next to nothing, and on the others in the end, as systemd does. The
// error is that of the attempt on what was typed, unless another than a wrong passphrase came up.
func Typed(ctx context.Context, try Try, s Secret, recovery []int) error {
	key, is, err := recoverykey.Read(s.Bytes())
	if err != nil {
		return errors.Join(err, s.Close())
	}
	if !is || bytes.Equal(key.Bytes(), s.Bytes()) {
		return errors.Join(key.Close(), try(ctx, s))
	}
	own := func(id int) error { return tryCopy(ctx, try, s, key, id) }
	for _, id := range recovery {
		if err := own(id); err == nil || ctx.Err() != nil {
			return errors.Join(err, key.Close(), s.Close())
		}
	}
	err = try(ctx, s)
	if errors.Is(err, luks.ErrPassphrase) {
		if last := own(luks.AnyKeyslot); !errors.Is(last, luks.ErrPassphrase) {
			err = last
		}
	}
	return errors.Join(err, key.Close())
}

// tryCopy tries a key in place of what was typed, on one keyslot or all.
func tryCopy(ctx context.Context, try Try, typed Secret, key *secret.Buffer, id int) error {
	copied, err := secret.Copy(key.Bytes())
	if err != nil {
		return err
	}
	typed.Buffer, typed.Keyslot = copied, id
	return try(ctx, typed)
}
