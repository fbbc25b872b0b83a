// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"errors"
	"hash/crc32"
	"io"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// The longest passphrases, bytes: TrueCrypt's and VeraCrypt's. Key files are mixed into as many.
const (
	MaxTrueCrypt = 64
	MaxVeraCrypt = 128
)

// maxKeyFile is how much of a key file counts, bytes.
const maxKeyFile = 1 << 20

// CheckLength fails with a LengthError for a passphrase that no program takes. veraCrypt is false where only
// TrueCrypt's volumes are looked for.
func CheckLength(passphrase []byte, veraCrypt bool) error {
	limit := MaxTrueCrypt
	if veraCrypt && len(passphrase) > MaxTrueCrypt {
		limit = MaxVeraCrypt
	}
	if len(passphrase) > limit {
		return &LengthError{Max: limit}
	}
	return nil
}

// Password is what keys are derived from: the passphrase, or with key files a pool that they and the passphrase are
// mixed into. The order of the files is nothing to it. The caller closes it. Errors: a LengthError, those of the
// files.
//
// The pool has 64 bytes, or 128 for a longer passphrase. Each byte of a file goes through a CRC-32, whose register,
// not inverted, is added to the next four bytes of the pool, the highest byte first; at the end of the pool it goes
// on at its beginning, where each file begins. In the end each byte of the passphrase is added to that of the pool.
func Password(passphrase []byte, files []io.Reader, veraCrypt bool) (*secret.Buffer, error) {
	if err := CheckLength(passphrase, veraCrypt); err != nil {
		return nil, err
	}
	if len(files) == 0 {
		return secret.Copy(passphrase)
	}
	n := MaxTrueCrypt
	if len(passphrase) > n {
		n = MaxVeraCrypt
	}
	pool, err := secret.New(n)
	if err != nil {
		return nil, err
	}
	for _, f := range files {
		if err := mix(pool.Bytes(), f); err != nil {
			return nil, errors.Join(err, pool.Close())
		}
	}
	for i, c := range passphrase {
		pool.Bytes()[i] += c
	}
	return pool, nil
}

// mix adds a key file to the pool.
func mix(pool []byte, file io.Reader) error {
	content, err := secret.New(64 << 10)
	if err != nil {
		return err
	}
	defer content.Close()
	register, at, left := ^uint32(0), 0, maxKeyFile
	for left > 0 {
		n, err := file.Read(content.Bytes()[:min(left, content.Len())])
		for _, c := range content.Bytes()[:n] {
			register = crc32.IEEETable[byte(register)^c] ^ register>>8
			for shift := 24; shift >= 0; shift -= 8 {
				pool[at] += byte(register >> shift)
				at = (at + 1) % len(pool)
			}
		}
		left -= n
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}
