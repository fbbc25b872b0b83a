// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/token/tpm"
)

// pinRounds are those of PBKDF2 that a PIN goes through before the TPM gets it.
const pinRounds = 10_000

// lockInfo is what the keyslot's passphrase is derived with where the PIN goes through Argon2id.
const lockInfo = "systemd-tpm2-argon2id-lock"

// tpmPIN is what became of a PIN: the text that the TPM gets, and the key that goes into the passphrase.
type tpmPIN struct {
	text *secret.Buffer // nil where there is no PIN
	key  *secret.Buffer // nil but with Argon2id
}

// Close wipes both.
func (p tpmPIN) Close() error { return errors.Join(p.text.Close(), p.key.Close()) }

// auth is the object's authorisation value.
func (p tpmPIN) auth() []byte {
	if p.text == nil {
		return nil
	}
	return tpm.AuthValue(p.text.Bytes())
}

// passphrase is that of the keyslot, from what was unsealed.
func (p tpmPIN) passphrase(unsealed *secret.Buffer) (*secret.Buffer, error) {
	if p.key == nil {
		return base64Of(unsealed.Bytes())
	}
	// HKDF (RFC 5869) of one block.
	extracted := tpm.SHA256.HMAC(unsealed.Bytes(), p.key.Bytes())
	defer secret.Wipe(extracted)
	expanded := tpm.SHA256.HMAC(extracted, []byte(lockInfo), []byte{1})
	defer secret.Wipe(expanded)
	return base64Of(expanded)
}

// pin asks for it where the token wants one, and not while the TPM takes none.
func (v *TPM2) pin(ctx context.Context, c *tpm.Client, id int, help Help) (tpmPIN, error) {
	if !v.PIN {
		return tpmPIN{}, nil
	}
	lockout, err := c.ReadLockout(ctx)
	if err != nil {
		return tpmPIN{}, err
	}
	if lockout.Locked {
		return tpmPIN{}, lockedOut(lockout)
	}
	if help.Ask == nil {
		return tpmPIN{}, ErrNoPIN
	}
	typed, err := help.Ask(ctx, Question{Token: id, Title: "PIN of the TPM", Left: lockout.Left()})
	if err != nil {
		return tpmPIN{}, errors.Join(err, typed.Close())
	}
	p, err := v.derivePIN(ctx, typed.Bytes())
	return p, errors.Join(err, typed.Close())
}

// lockedOut tells how long the TPM takes no PIN.
func lockedOut(l tpm.Lockout) error {
	if l.Interval <= 0 {
		return tpm.ErrLockedOut
	}
	return fmt.Errorf("%w; one is forgiven every %v, and meanwhile no PIN is taken", tpm.ErrLockedOut,
		l.Interval.Round(time.Second))
}

// derivePIN is what systemd makes of a PIN: the text itself, without a salt; the text of PBKDF2's output; or of the
// second half of Argon2id's, whose first half goes into the passphrase.
func (v *TPM2) derivePIN(ctx context.Context, typed []byte) (p tpmPIN, err error) {
	switch {
	case len(typed) == 0:
		return p, ErrNoPIN
	case v.Argon2 != nil:
		return v.argon2PIN(ctx, typed)
	case len(v.Salt) == 0:
		p.text, err = secret.Copy(typed)
		return p, err
	}
	derived, err := secret.New(32)
	if err != nil {
		return p, err
	}
	costs := kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: pinRounds, Salt: v.Salt}
	if err = costs.Derive(ctx, derived.Bytes(), typed); err == nil {
		p.text, err = base64Of(derived.Bytes())
	}
	return p, errors.Join(err, derived.Close())
}

func (v *TPM2) argon2PIN(ctx context.Context, typed []byte) (p tpmPIN, err error) {
	derived, err := secret.New(64)
	if err != nil {
		return p, err
	}
	costs := *v.Argon2
	costs.Salt = v.Salt
	if err = costs.Derive(ctx, derived.Bytes(), typed); err != nil {
		return p, errors.Join(err, derived.Close())
	}
	if p.text, err = base64Of(derived.Bytes()[32:]); err == nil {
		p.key, err = secret.Copy(derived.Bytes()[:32])
	}
	return p, errors.Join(err, derived.Close())
}
