// SPDX-License-Identifier: Apache-2.0

package loopaes

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

var (
	// ErrKeyFile says that what was read is no key file of loop-AES.
	ErrKeyFile = errors.New("not a loop-AES key file")
	// ErrEncrypted says that gpg encrypted the key file.
	ErrEncrypted = errors.New("the key file is encrypted by gpg")
	// ErrHash is a hash that has fewer bytes than the key.
	ErrHash = errors.New("the hash is shorter than the key")
)

const (
	keyCount = 64 // of versions 2 and 3
	maxLines = keyCount + 1
	lineEnds = "\n\r\x00"
)

// Keys are what a key file holds: its keys one after the other, hashed.
type Keys struct {
	*secret.Buffer
	Size int // of each, bytes
}

// Hash is the hash for keys of size bytes unless somebody names another; "" where there is none.
func Hash(size int) string {
	return map[int]string{16: "sha256", 24: "sha384", 32: "sha512"}[size]
}

// Parse reads a key file for keys of size bytes. The caller closes them. Errors: ErrKeyFile, ErrEncrypted, ErrHash,
// hashalg.ErrUnknown.
func Parse(file []byte, hash string, size int) (*Keys, error) {
	if bytes.Contains(file[:min(len(file), 100)], []byte("BEGIN PGP MESSAGE")) {
		return nil, ErrEncrypted
	}
	list := lines(file)
	if list == nil {
		return nil, ErrKeyFile
	}
	if n, err := hashalg.Size(hash); err != nil || n < size {
		return nil, errors.Join(err, fmt.Errorf("%w: %s for %d bytes", ErrHash, hash, size))
	}
	all, err := secret.New(len(list) * size)
	if err != nil {
		return nil, err
	}
	for i, line := range list {
		if err := hashLine(all.Bytes()[i*size:][:size], line, hash); err != nil {
			return nil, errors.Join(err, all.Close())
		}
		all.Bytes()[i*size] ^= map[int]byte{keyCount: 0x55, maxLines: 0xf4}[len(list)]
	}
	return &Keys{all, size}, nil
}

// lines are those of a key file; nil where they cannot be.
func lines(file []byte) (list [][]byte) {
	for len(file) > 0 {
		n := bytes.IndexAny(file, lineEnds)
		if n < 1 || len(list) == maxLines || len(list) > 0 && n != len(list[0]) {
			return nil
		}
		list = append(list, file[:n])
		file = bytes.TrimLeft(file[n:], lineEnds)
	}
	if n := len(list); n != 1 && n != keyCount && n != maxLines {
		return nil
	}
	return list
}

func hashLine(key, line []byte, hash string) error {
	h, err := hashalg.New(hash)
	if err != nil {
		return err
	}
	defer hashalg.Wipe(h)
	h.Write(line)
	sum := h.Sum(nil)
	copy(key, sum)
	secret.Wipe(sum)
	return nil
}

// Count is how many keys there are: 1, 64 or 65.
func (k *Keys) Count() int { return k.Len() / k.Size }

// Cipher is what dm-crypt calls it, for a cipher such as "aes".
func (k *Keys) Cipher(base string) string {
	if k.Count() == 1 {
		return base + "-cbc-plain64"
	}
	return base + ":64-cbc-lmk"
}

// KeySize is that of one key, where size bytes are those of all of a mapping of that cipher.
func KeySize(cipher string, size int) int {
	switch {
	case !strings.HasSuffix(cipher, "-lmk"):
		return size
	case size%maxLines == 0:
		return size / maxLines
	}
	return size / keyCount
}
