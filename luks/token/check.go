// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token/tpm"
)

// Checker is an Opener that can tell whether it would open a token now, without a PIN or a secret.
type Checker interface {
	Opener
	// Check returns nil, or why the token does not open now, and what else is worth knowing. Nothing that counts wrong
	// tries is touched.
	Check(ctx context.Context, t luks2.Token, help Help) (notes []string, err error)
}

// Check asks a token's handler. The error is a TypeError where it cannot tell.
func Check(ctx context.Context, t luks2.Token, help Help) (notes []string, err error) {
	h, _ := For(t)
	if c, can := h.(Checker); can {
		return c.Check(ctx, t, help)
	}
	return nil, &TypeError{t.Type}
}

// Check goes the way of Passphrase up to the PIN, and loads the sealed objects, which the TPM takes only where it made
// them.
func (h tpm2) Check(ctx context.Context, t luks2.Token, help Help) (notes []string, err error) {
	v, client, err := judgedTPM2(ctx, t, help)
	if err != nil {
		return nil, err
	}
	if notes, err = v.check(ctx, client); err == nil {
		_, err = v.shards(ctx, client, help)
	}
	return notes, errors.Join(err, client.Close())
}

// check tells about the objects, the storage key and the lock-out.
func (v *TPM2) check(ctx context.Context, c *tpm.Client) (notes []string, err error) {
	if len(v.SRK) == 0 && !v.PIN {
		notes = append(notes, "it has no storage key and no PIN: who stands between processor and TPM can read it")
	}
	parent, err := v.parent(ctx, c)
	if err != nil {
		return notes, err
	}
	for _, blob := range v.Blobs {
		sealed, ok := tpm.Parse(blob)
		if !ok {
			return notes, errors.Join(ErrBroken, c.Free(ctx, parent))
		}
		if err := c.Try(ctx, parent, sealed); err != nil {
			return notes, errors.Join(err, c.Free(ctx, parent))
		}
	}
	if err := c.Free(ctx, parent); err != nil || !v.PIN {
		return notes, err
	}
	lockout, err := c.ReadLockout(ctx)
	switch {
	case err != nil:
	case lockout.Locked:
		err = lockedOut(lockout)
	default:
		notes = append(notes, fmt.Sprintf("%d of %d tries of a PIN are left", lockout.Left(), lockout.Limit))
		if !lockout.LockoutSet {
			notes = append(notes, "the TPM has no lockout password: who starts another system can reset its counter")
		}
	}
	return notes, err
}
