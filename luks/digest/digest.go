// SPDX-License-Identifier: Apache-2.0

// Package digest tells a right volume key from a wrong one, by the PBKDF2 digests of LUKS
// ("pbkdf2" digests of LUKS2 headers; mkDigest of LUKS1).
package digest

import (
	"context"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/kdf/pbkdf2"
)

const (
	// SaltSize is the length of the salts that New makes, in bytes.
	SaltSize = 32
	// LUKS1Size is the length of every LUKS1 digest, and of LUKS2 ones converted from it, in bytes.
	LUKS1Size = 20
	// MinIterations is the smallest iteration count of digests made by the reference implementation.
	MinIterations = 1000
)

// ErrSize is returned for a digest whose length is neither 20 bytes nor that of its hash.
var ErrSize = errors.New("volume key digest has the wrong length")

// Digest is PBKDF2-HMAC of a volume key.
type Digest struct {
	Hash       string // a name of package hashalg
	Iterations uint32
	Salt       []byte
	Sum        []byte // 20 bytes or the length of the hash
}

// New makes a digest of key with a fresh salt from rand; size is LUKS1Size, or 0 for the length of the hash.
func New(ctx context.Context, key []byte, hash string, iterations uint32, size int, rand io.Reader) (*Digest, error) {
	full, err := hashalg.Size(hash)
	if err != nil {
		return nil, err
	}
	if size == 0 {
		size = full
	}
	d := &Digest{Hash: hash, Iterations: iterations, Salt: make([]byte, SaltSize), Sum: make([]byte, size)}
	if err := d.checkSize(); err != nil {
		return nil, err
	}
	if _, err := io.ReadFull(rand, d.Salt); err != nil {
		return nil, fmt.Errorf("reading a random digest salt: %w", err)
	}
	if err := d.compute(ctx, d.Sum, key); err != nil {
		return nil, err
	}
	return d, nil
}

// Verify reports whether key is the volume key that d was made of. The comparison takes the same time either way.
func (d *Digest) Verify(ctx context.Context, key []byte) (bool, error) {
	if err := d.checkSize(); err != nil {
		return false, err
	}
	sum := make([]byte, len(d.Sum))
	defer secret.Wipe(sum)
	if err := d.compute(ctx, sum, key); err != nil {
		return false, err
	}
	return subtle.ConstantTimeCompare(sum, d.Sum) == 1, nil
}

func (d *Digest) compute(ctx context.Context, sum, key []byte) error {
	if err := pbkdf2.Key(ctx, sum, key, d.Salt, d.Iterations, d.Hash); err != nil {
		return fmt.Errorf("digest of the volume key: %w", err)
	}
	return nil
}

func (d *Digest) checkSize() error {
	full, err := hashalg.Size(d.Hash)
	if err != nil {
		return err
	}
	if len(d.Sum) != LUKS1Size && len(d.Sum) != full || len(d.Sum) > full {
		return fmt.Errorf("%w: %d bytes with %s", ErrSize, len(d.Sum), d.Hash)
	}
	return nil
}
