// SPDX-License-Identifier: Apache-2.0

// Package keyslot seals a volume key under a passphrase and opens it again, for LUKS1 and LUKS2
// alike: the key is split into stripes (package af), the stripes are encrypted in 512-byte
// sectors (package sector) with a key derived from the passphrase (package kdf). It is pure: the
// material comes in and goes out as bytes, whose place on a device is not its business.
//
// A wrong passphrase gives a wrong key, not an error: only the volume's digest can tell.
package keyslot

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/af"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// SectorSize is the unit in which material is encrypted, bytes.
const SectorSize = 512

// MaxKeySize bounds the keys that are read from or written to a keyslot, bytes.
const MaxKeySize = 4096

// ErrNullPassphrase is returned by Seal for a passphrase of a keyslot whose cipher encrypts nothing: all programs
// open such a keyslot with the empty one only.
var ErrNullPassphrase = errors.New("a keyslot that encrypts nothing takes the empty passphrase only")

// ErrKeySize is returned for keys of no or excessive length.
var ErrKeySize = errors.New("key length out of range")

// Spec is what a header says of a keyslot.
type Spec struct {
	KeySize       int        // bytes of the key inside
	Stripes       int        // of the anti-forensic split
	AFHash        string     // hash of the split
	Cipher        string     // "aes-xts-plain64"
	CipherKeySize int        // bytes of the derived key
	KDF           kdf.Params // how the passphrase becomes that key
}

// MaterialSize is the length of the material in bytes, a multiple of SectorSize.
func (s Spec) MaterialSize() int {
	return extent.Up(s.KeySize*s.Stripes, SectorSize)
}

// Check holds key sizes, stripes and hash against what can be opened here, before memory is given to them.
func (s Spec) Check() error {
	if s.KeySize < 1 || s.KeySize > MaxKeySize || s.CipherKeySize < 0 || s.CipherKeySize > MaxKeySize {
		return fmt.Errorf("%w: %d and %d bytes", ErrKeySize, s.KeySize, s.CipherKeySize)
	}
	if s.Stripes != af.Stripes {
		return fmt.Errorf("%w: %d stripes", af.ErrSize, s.Stripes)
	}
	return nil
}

// Open returns the key that passphrase finds in the material, which is left as it is. Errors are
// those of kdf, sector and af; a wrong passphrase is none. memory may be nil.
func Open(ctx context.Context, s Spec, material, passphrase []byte, memory *kdf.Memory) (*secret.Buffer, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if len(material) < s.MaterialSize() {
		return nil, fmt.Errorf("%w: %d bytes of material, %d needed", af.ErrSize, len(material), s.MaterialSize())
	}
	c, err := s.cipher(ctx, passphrase, memory)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stripes, err := secret.New(s.MaterialSize())
	if err != nil {
		return nil, err
	}
	defer stripes.Close()
	if err := c.Decrypt(stripes.Bytes(), material[:s.MaterialSize()], 0); err != nil {
		return nil, err
	}
	key, err := secret.New(s.KeySize)
	if err != nil {
		return nil, err
	}
	if err := af.Merge(key.Bytes(), stripes.Bytes()[:s.KeySize*s.Stripes], s.Stripes, s.AFHash); err != nil {
		return nil, errors.Join(err, key.Close())
	}
	return key, nil
}

// Seal returns the material that protects key under passphrase; random gives the stripes.
func Seal(ctx context.Context, s Spec, key, passphrase []byte, random io.Reader) ([]byte, error) {
	if err := s.Check(); err != nil {
		return nil, err
	}
	if sector.IsNull(s.Cipher) && len(passphrase) > 0 {
		return nil, ErrNullPassphrase
	}
	if len(key) != s.KeySize {
		return nil, fmt.Errorf("%w: %d bytes, the keyslot is for %d", ErrKeySize, len(key), s.KeySize)
	}
	c, err := s.cipher(ctx, passphrase, nil)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stripes, err := secret.New(s.MaterialSize())
	if err != nil {
		return nil, err
	}
	defer stripes.Close()
	if err := af.Split(stripes.Bytes()[:s.KeySize*s.Stripes], key, s.Stripes, s.AFHash, random); err != nil {
		return nil, err
	}
	material := make([]byte, s.MaterialSize())
	if err := c.Encrypt(material, stripes.Bytes(), 0); err != nil {
		return nil, err
	}
	return material, nil
}

// cipher derives the area's key and sets the cipher up with it.
func (s Spec) cipher(ctx context.Context, passphrase []byte, memory *kdf.Memory) (*sector.Cipher, error) {
	key, err := secret.New(s.CipherKeySize)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	if err := s.KDF.DeriveIn(ctx, memory, key.Bytes(), passphrase); err != nil {
		return nil, err
	}
	return sector.New(s.Cipher, key.Bytes(), SectorSize, sector.InKeyslot())
}
