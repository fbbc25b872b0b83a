// SPDX-License-Identifier: Apache-2.0

// Package plain knows volumes without a header: how a passphrase becomes the volume key, and what
// the parameters are where nobody names them. Behaviour as of cryptsetup 2.8.
package plain

import (
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// The parameters where none are given.
const (
	Cipher  = "aes-xts-plain64"
	Hash    = "sha256"
	KeySize = 32 // bytes
	NoHash  = "plain"
)

// Stretch turns a passphrase into a key of size bytes: hash after hash, each over one more leading
// "A" than the one before. With NoHash the passphrase is cut or padded with zeros. The error is
// hashalg.ErrUnknown.
func Stretch(hash string, passphrase []byte, size int) (*secret.Buffer, error) {
	if hash != NoHash {
		if _, err := hashalg.Size(hash); err != nil {
			return nil, err
		}
	}
	key, err := secret.New(size)
	if err != nil {
		return nil, err
	}
	if hash == NoHash {
		copy(key.Bytes(), passphrase)
		return key, nil
	}
	for at, round := 0, 0; at < size; round++ {
		h, err := hashalg.New(hash)
		if err != nil {
			return nil, err
		}
		for range round {
			h.Write([]byte{'A'})
		}
		h.Write(passphrase)
		sum := h.Sum(nil)
		at += copy(key.Bytes()[at:], sum)
		secret.Wipe(sum)
		hashalg.Wipe(h)
	}
	return key, nil
}
