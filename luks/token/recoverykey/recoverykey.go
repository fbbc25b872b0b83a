// SPDX-License-Identifier: Apache-2.0

// Package recoverykey makes and reads the recovery keys of systemd: 32 random bytes in modhex, whose sixteen letters
// lie in the same places on most keyboards.
//
//	byte      0  1  2  3    4 …
//	text      cdefghij  -   klnrtuvb-…      each byte two of "cbdefghijklnrtuv", the high half first
//
// After every 8 letters but the last there is a dash: 71 characters. The dashes are part of the passphrase.
// Source: systemd-cryptenroll(1), and keys that its releases 252 and 257 made.
package recoverykey

import (
	"bytes"
	"crypto/rand"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

const (
	alphabet = "cbdefghijklnrtuv"
	bare     = 64 // letters
	group    = 8  // letters
	// Size is the length of a recovery key, bytes.
	Size = bare + bare/group - 1
)

// New draws a recovery key, as it is typed and as the keyslot has it. The caller closes it.
func New() (*secret.Buffer, error) {
	random, err := secret.New(bare / 2)
	if err != nil {
		return nil, err
	}
	if _, err := rand.Read(random.Bytes()); err != nil {
		return nil, errors.Join(err, random.Close())
	}
	key, err := secret.New(Size)
	if err != nil {
		return nil, errors.Join(err, random.Close())
	}
	encode(key.Bytes(), random.Bytes())
	return key, random.Close()
}

// encode writes the text of 32 bytes.
func encode(text, key []byte) {
	for i := range bare {
		at := i + i/group
		if i%group == 0 && i > 0 {
			text[at-1] = '-'
		}
		half := key[i/2] >> 4
		if i%2 == 1 {
			half = key[i/2] & 15
		}
		text[at] = alphabet[half]
	}
}

// Read takes what a person typed for a recovery key where it is one, with or without its dashes and in capital or
// small letters, and returns its only form. It is false for anything else, which is an ordinary passphrase. The
// caller closes the key.
func Read(typed []byte) (key *secret.Buffer, is bool, err error) {
	if len(typed) != bare && len(typed) != Size {
		return nil, false, nil
	}
	key, err = secret.New(Size)
	if err != nil {
		return nil, false, err
	}
	if !normalise(key.Bytes(), typed) {
		return nil, false, key.Close()
	}
	return key, true, nil
}

// normalise tells whether all of it could be read.
func normalise(text, typed []byte) bool {
	dashes := len(typed) == Size
	for i := range bare {
		at := i + i/group
		from := i
		if dashes {
			from = at
		}
		if i%group == 0 && i > 0 {
			if text[at-1] = '-'; dashes && typed[from-1] != '-' {
				return false
			}
		}
		letter := typed[from]
		if letter >= 'A' && letter <= 'Z' {
			letter += 'a' - 'A'
		}
		if text[at] = letter; bytes.IndexByte([]byte(alphabet), letter) < 0 {
			return false
		}
	}
	return true
}
