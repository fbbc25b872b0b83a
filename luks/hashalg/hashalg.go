// SPDX-License-Identifier: Apache-2.0

// Package hashalg knows the hash algorithms by the names that LUKS headers give them: the "hash"
// fields of LUKS2 keyslots, digests and anti-forensic splitters and the hashSpec of LUKS1.
//
// LUKS1 writes its name in lower case; LUKS2 keeps what the user typed, and the reference
// implementation compares without regard to case. So does this package, for ASCII letters, and it
// knows the second names (rmd160, sha2-256, blake2b512 …) under which Debian's build of the
// reference implementation also writes headers.
package hashalg

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"errors"
	"fmt"
	"hash"

	"github.com/jzelinskie/whirlpool"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"
	//lint:ignore SA1019 old LUKS1 headers name it
	"golang.org/x/crypto/ripemd160"

	"github.com/orthrus-luks/orthrus/dm/sm3"
)

// ErrUnknown is the kind of every error of this package.
var ErrUnknown = errors.New("unknown hash algorithm")

// UnknownError names the hash that is not known.
type UnknownError struct {
	Name string // as the header or the user wrote it
}

func (e *UnknownError) Error() string { return fmt.Sprintf("%v %.32q", ErrUnknown, e.Name) }

func (e *UnknownError) Unwrap() error { return ErrUnknown }

// New returns a fresh state of the named hash.
func New(name string) (hash.Hash, error) {
	factory, err := Factory(name)
	if err != nil {
		return nil, err
	}
	return factory(), nil
}

// Size returns the digest length of the named hash in bytes.
func Size(name string) (int, error) {
	h, err := New(name)
	if err != nil {
		return 0, err
	}
	return h.Size(), nil
}

// Names returns the canonical names of all known hashes, strongest families first. md5 is known
// because LUKS2 headers with it open elsewhere, and is left out because none should be made.
func Names() []string {
	return []string{
		"sha256", "sha512", "sha384", "sha224", "sha512-256", "sha512-224", "sha1",
		"sha3-256", "sha3-512", "sha3-384", "sha3-224",
		"blake2b-512", "blake2b-384", "blake2b-256", "blake2b-160", "blake2s-256",
		"whirlpool", "ripemd160", "sm3", "stribog512",
	}
}

// Factory returns a function that makes fresh states of the named hash.
func Factory(name string) (func() hash.Hash, error) {
	switch Canonical(name) {
	case "md5":
		return md5.New, nil
	case "sha1":
		return sha1.New, nil
	case "sha224":
		return sha256.New224, nil
	case "sha256":
		return sha256.New, nil
	case "sha384":
		return sha512.New384, nil
	case "sha512":
		return sha512.New, nil
	case "sha512-224":
		return sha512.New512_224, nil
	case "sha512-256":
		return sha512.New512_256, nil
	case "sha3-224":
		return func() hash.Hash { return sha3.New224() }, nil
	case "sha3-256":
		return func() hash.Hash { return sha3.New256() }, nil
	case "sha3-384":
		return func() hash.Hash { return sha3.New384() }, nil
	case "sha3-512":
		return func() hash.Hash { return sha3.New512() }, nil
	case "sm3":
		return sm3.New, nil
	case "ripemd160":
		return ripemd160.New, nil
	case "whirlpool":
		return whirlpool.New, nil
	case "stribog512":
		return newStreebog, nil
	case "blake2b-160":
		return newBlake2b(20), nil
	case "blake2b-256":
		return newBlake2b(32), nil
	case "blake2b-384":
		return newBlake2b(48), nil
	case "blake2b-512":
		return newBlake2b(64), nil
	case "blake2s-256":
		return newBlake2s, nil
	}
	return nil, &UnknownError{Name: name}
}

// newBlake2b returns a factory of unkeyed BLAKE2b states with digests of size bytes (1 to 64).
func newBlake2b(size int) func() hash.Hash {
	return func() hash.Hash {
		h, err := blake2b.New(size, nil)
		if err != nil {
			panic(err) // only for a size or key that is too long
		}
		return h
	}
}

// newBlake2s returns an unkeyed BLAKE2s-256 state.
func newBlake2s() hash.Hash {
	h, err := blake2s.New256(nil)
	if err != nil {
		panic(err) // only for a key that is too long
	}
	return h
}
