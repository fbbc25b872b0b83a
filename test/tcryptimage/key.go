// SPDX-License-Identifier: Apache-2.0

package tcryptimage

import (
	"crypto/pbkdf2"
	"io"
	"strings"

	"golang.org/x/crypto/argon2"

	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

func readerOf(text string) io.Reader { return strings.NewReader(text) }

// derive is the header key of the options.
func (o *Options) derive(salt []byte) []byte {
	password, err := tcrypt.Password([]byte(o.Passphrase), o.Files(), o.VeraCrypt)
	if err != nil {
		panic(err)
	}
	defer password.Close()
	if o.Hash == "argon2id" {
		time, memory := o.argon2()
		return argon2.IDKey(password.Bytes(), salt, time, memory<<10, 1, 192)
	}
	factory, err := hashalg.Factory(o.Hash)
	if err != nil {
		panic(err)
	}
	key, err := pbkdf2.Key(factory, string(password.Bytes()), salt, o.count(), 192)
	if err != nil {
		panic(err)
	}
	return key
}

// count is the number of iterations, from VeraCrypt's documentation (Header Key Derivation, PIM).
func (o *Options) count() int {
	switch {
	case o.Iterations > 0:
		return o.Iterations
	case o.VeraCrypt && o.PIM > 0 && o.System:
		return o.PIM * 2048
	case o.VeraCrypt && o.PIM > 0:
		return 15000 + o.PIM*1000
	case o.VeraCrypt && o.Hash == "ripemd160" && o.System:
		return 327661
	case o.VeraCrypt && o.Hash == "ripemd160":
		return 655331
	case o.VeraCrypt && o.System:
		return 200000
	case o.VeraCrypt:
		return 500000
	case o.Hash == "sha1", o.Hash == "ripemd160" && !o.System:
		return 2000
	}
	return 1000
}

// argon2 are the passes and MiB.
func (o *Options) argon2() (passes, mebibytes uint32) {
	switch {
	case o.PIM == 0:
		return 6, 416
	case o.PIM <= 31:
		return uint32(3 + (o.PIM-1)/3), uint32(64 + 32*(o.PIM-1))
	}
	return uint32(o.PIM - 18), 1024
}
