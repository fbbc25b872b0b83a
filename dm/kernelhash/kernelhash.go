// SPDX-License-Identifier: Apache-2.0

// Package kernelhash has the hashes that dm-verity and dm-integrity compute, under the names of the kernel's crypto API
// (lib and crypto of the Linux kernel).
package kernelhash

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

// New returns a function that makes fresh states of a hash, under the names of the kernel's crypto API
// (rmd160, wp512) and those that veritysetup writes for the same hashes (ripemd160, whirlpool); nil for others.
func New(name string) func() hash.Hash {
	switch name {
	case "sha256":
		return sha256.New
	case "sha512":
		return sha512.New
	case "sha1":
		return sha1.New
	case "sha224":
		return sha256.New224
	case "sha384":
		return sha512.New384
	case "sha3-224":
		return func() hash.Hash { return sha3.New224() }
	case "sha3-256":
		return func() hash.Hash { return sha3.New256() }
	case "sha3-384":
		return func() hash.Hash { return sha3.New384() }
	case "sha3-512":
		return func() hash.Hash { return sha3.New512() }
	case "blake2b-160":
		return newBlake2b(20)
	case "blake2b-256":
		return newBlake2b(32)
	case "blake2b-384":
		return newBlake2b(48)
	case "blake2b-512":
		return newBlake2b(64)
	case "blake2s-256":
		return newBlake2s
	case "ripemd160", "rmd160":
		return ripemd160.New
	case "whirlpool", "wp512":
		return whirlpool.New
	case "sm3":
		return sm3.New
	case "md5":
		return md5.New
	}
	return nil
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
