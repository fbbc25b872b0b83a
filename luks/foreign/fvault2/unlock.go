// SPDX-License-Identifier: Apache-2.0

package fvault2

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

const (
	// Cipher is that of all volumes, as dm-crypt calls it.
	Cipher = "aes-xts-plain64"
	// KeySize is that of the volume key, bytes.
	KeySize = 2 * half

	half = 16
)

// Unlock tries a passphrase for each user, and gives the volume key, which the caller closes. Errors: ErrKey, a
// *kdf.CostError, the context's.
func (v *Volume) Unlock(ctx context.Context, passphrase []byte) (*secret.Buffer, error) {
	work, err := secret.New(KeySize + sector.MinSize)
	if err != nil {
		return nil, err
	}
	defer work.Close()
	result := ErrKey
	for _, u := range v.Users {
		err := v.byUser(ctx, work.Bytes(), u, passphrase)
		if err == nil {
			return secret.Copy(work.Bytes()[:KeySize])
		}
		if !errors.Is(err, ErrKey) {
			result = err
		}
	}
	return nil, result
}

// byUser puts the volume key to the beginning of work.
func (v *Volume) byUser(ctx context.Context, work []byte, u User, passphrase []byte) error {
	p := kdf.Params{Type: kdf.PBKDF2, Hash: "sha256", Iterations: u.Iterations, Salt: u.Salt}
	if err := kdf.OpeningLimits().Admit(p); err != nil {
		return err
	}
	kek, key, block := work[half:KeySize], work[:half], work[KeySize:]
	err := p.Derive(ctx, kek, passphrase)
	if err == nil {
		err = unwrap(kek, kek, u.wrapped, block)
	}
	if err != nil {
		return err
	}
	for _, wrapped := range v.volumeKeys {
		if err = unwrap(key, kek, wrapped, block); err == nil {
			v.second(work, key)
			return nil
		}
	}
	return err
}

// second puts the second half of the key behind the first, in room for a whole one.
func (v *Volume) second(room, first []byte) {
	copy(room, first)
	copy(room[half:], v.Family[:])
	sum := sha256.Sum256(room[:KeySize])
	copy(room[half:KeySize], sum[:])
	clear(sum[:])
}

// Proves tells whether a key of KeySize bytes may be the volume's: its halves belong together.
func (v *Volume) Proves(key []byte) (bool, error) {
	whole, err := secret.New(KeySize)
	if err != nil {
		return false, err
	}
	defer whole.Close()
	v.second(whole.Bytes(), key[:half])
	return subtle.ConstantTimeCompare(whole.Bytes(), key) == 1, nil
}
