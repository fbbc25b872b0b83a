// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"encoding/binary"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// keySize is that of the keys that seal, bytes.
const keySize = 32

// Sealed is a key under another one: parts of a copy of the metadata.
type Sealed struct {
	nonce, tag, data []byte // data is the ciphertext
}

// keyHead is what comes before the key: size, type, value, version, method.
const keyHead = 12

func parseSealed(name string, p []byte) (*Sealed, error) {
	n := len(p) - nonceSize - tagSize
	if n <= keyHead || n > maxSealed {
		return nil, field(name, "%d bytes of sealed data", len(p))
	}
	return &Sealed{p[:nonceSize], p[nonceSize : nonceSize+tagSize], p[nonceSize+tagSize:]}, nil
}

// Size is that of the key with what comes before it, in bytes; 0 of none.
func (s *Sealed) Size() int {
	if s == nil {
		return 0
	}
	return len(s.data)
}

// equal tells whether both are the same bytes.
func (s *Sealed) equal(t *Sealed) bool {
	return string(s.nonce) == string(t.nonce) && string(s.tag) == string(t.tag) && string(s.data) == string(t.data)
}

// open gives the key inside, which must have size bytes. Errors: errTag for a wrong key, a FieldError.
func (s *Sealed) open(name string, key []byte, size int) (*secret.Buffer, error) {
	plain, err := openCCM(key, s)
	if err != nil {
		return nil, err
	}
	defer plain.Close()
	p := plain.Bytes()
	if n := int(binary.LittleEndian.Uint16(p)); n != len(p) {
		return nil, field(name, "%d bytes, sealed as %d", n, len(p))
	}
	if len(p)-keyHead != size {
		return nil, field(name, "a key of %d bytes, not %d", len(p)-keyHead, size)
	}
	return secret.Copy(p[keyHead:])
}

// errTag: the key is not the one that it was sealed with.
var errTag = errors.New("wrong key")
