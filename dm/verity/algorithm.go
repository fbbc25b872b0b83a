// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"crypto/md5"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha3"
	"crypto/sha512"
	"hash"

	"github.com/jzelinskie/whirlpool"
	"golang.org/x/crypto/blake2b"
	"golang.org/x/crypto/blake2s"
	//lint:ignore SA1019 old images name it
	"golang.org/x/crypto/ripemd160"

	"github.com/orthrus-luks/orthrus/dm/sm3"
)

// algorithm returns a function that makes fresh states of a hash, under the names of the kernel's crypto API
// (rmd160, wp512) and those that veritysetup writes for the same hashes (ripemd160, whirlpool).
func algorithm(name string) (func() hash.Hash, error) {
	switch name {
	case "sha256":
		return sha256.New, nil
	case "sha512":
		return sha512.New, nil
	case "sha1":
		return sha1.New, nil
	case "sha224":
		return sha256.New224, nil
	case "sha384":
		return sha512.New384, nil
	case "sha3-224":
		return func() hash.Hash { return sha3.New224() }, nil
	case "sha3-256":
		return func() hash.Hash { return sha3.New256() }, nil
	case "sha3-384":
		return func() hash.Hash { return sha3.New384() }, nil
	case "sha3-512":
		return func() hash.Hash { return sha3.New512() }, nil
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
	case "ripemd160", "rmd160":
		return ripemd160.New, nil
	case "whirlpool", "wp512":
		return whirlpool.New, nil
	case "sm3":
		return sm3.New, nil
	case "md5":
		return md5.New, nil
	}
	return nil, &FieldError{"hash", name, "not known"}
}

func newBlake2b(size int) func() hash.Hash {
	return func() hash.Hash {
		h, err := blake2b.New(size, nil)
		if err != nil {
			panic(err) // only for a size or key that is too long
		}
		return h
	}
}

func newBlake2s() hash.Hash {
	h, err := blake2s.New256(nil)
	if err != nil {
		panic(err) // only for a key that is too long
	}
	return h
}
