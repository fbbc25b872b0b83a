// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"crypto/rand"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/token/curve"
	"github.com/orthrus-luks/orthrus/luks/token/modular"
)

// The numbers of algorithms, beside hashes, and of what goes with them.
const (
	algorithmRSA   = 0x0001
	algorithmAES   = 0x0006
	algorithmKeyed = 0x0008
	algorithmNull  = 0x0010
	algorithmECC   = 0x0023
	modeCFB        = 0x0043
	curveP256      = 0x0003
)

// The attributes of objects (TPMA_OBJECT).
const (
	fixedTPM       = 1 << 1
	fixedParent    = 1 << 4
	generated      = 1 << 5 // sensitiveDataOrigin
	withAuth       = 1 << 6 // userWithAuth
	noDictionary   = 1 << 10
	restrictedKey  = 1 << 16
	decryptingKey  = 1 << 17
	signingKey     = 1 << 18
	storageKey     = fixedTPM | fixedParent | generated | withAuth | restrictedKey | decryptingKey
	sealedSecret   = fixedTPM | fixedParent
	policySigner   = withAuth | decryptingKey | signingKey
	publicExponent = 65537
)

// Parent is a storage key that objects lie under. Public is its public area (TPMT_PUBLIC); the salts of sessions are
// encrypted to it. Where it was kept since enrolment, nobody who answers in the TPM's place can read them.
type Parent struct {
	Entity
	Public    []byte
	transient bool
}

// Kind is "ecc" or "rsa".
func (p Parent) Kind() string {
	r := reader{rest: p.Public}
	if r.u16() == algorithmRSA {
		return "rsa"
	}
	return "ecc"
}

// name is that of an object with a public area; nil for a hash that is not known.
//
//go:noinline
func name(public []byte) []byte {
	r := reader{rest: public}
	r.u16()
	hash := Hash(r.u16())
	if r.short || hash.Size() == 0 {
		return nil
	}
	var w writer
	w.u16(uint16(hash))
	w.raw(hash.Sum(public))
	return w
}

// NameHash is the hash of an object's name and of the policies it takes; 0 for one that is not known.
func NameHash(public []byte) Hash {
	r := reader{rest: public}
	r.u16()
	if hash := Hash(r.u16()); !r.short && hash.Size() > 0 {
		return hash
	}
	return 0
}

// storage is the public area of a storage key: type "ecc", on P-256, or "rsa", of 2048 bits.
func storage(kind string, hash Hash, attributes uint32) []byte {
	var w writer
	if kind == "rsa" {
		w.u16(algorithmRSA)
	} else {
		w.u16(algorithmECC)
	}
	w.u16(uint16(hash))
	w.u32(attributes)
	w.sized(nil) // no policy
	w.u16(algorithmAES)
	w.u16(128)
	w.u16(modeCFB)
	w.u16(algorithmNull) // scheme
	if kind == "rsa" {
		w.u16(2048)
		w.u32(0) // the usual exponent
		w.sized(nil)
		return w
	}
	w.u16(curveP256)
	w.u16(algorithmNull) // KDF
	w.sized(nil)
	w.sized(nil)
	return w
}

// salt draws one and encrypts it to the parent (Part 1, B.10.2 and C.6.1). The first is the caller's to wipe.
func (p Parent) salt() (salt, encrypted []byte, err error) {
	r := &reader{rest: p.Public}
	kind, hash := r.u16(), Hash(r.u16())
	r.u32()
	r.sized()
	if r.u16() != algorithmNull { // symmetric
		r.u16()
		r.u16()
	}
	if r.u16() != algorithmNull || r.short || hash.Size() == 0 {
		return nil, nil, ErrUnsupported
	}
	switch kind {
	case algorithmECC:
		return saltECC(r, hash)
	case algorithmRSA:
		return saltRSA(r, hash)
	}
	return nil, nil, ErrUnsupported
}

var curves = map[uint16]string{3: "P-256", 4: "P-384", 5: "P-521"}

func saltECC(r *reader, hash Hash) (salt, encrypted []byte, err error) {
	c, known := curve.Named(curves[r.u16()])
	kdf := r.u16()
	if !known || kdf != algorithmNull {
		return nil, nil, ErrUnsupported
	}
	public := curve.Point{X: padded(r.sized(), c.Size), Y: padded(r.sized(), c.Size)}
	k, err := c.Scalar()
	if err != nil {
		return nil, nil, err
	}
	defer secret.Wipe(k)
	own, err := c.Multiply(c.Base(), k)
	if err != nil {
		return nil, nil, err
	}
	z, err := c.Multiply(public, k)
	if err != nil {
		return nil, nil, err
	}
	defer secret.Wipe(z.X)
	var w writer
	w.sized(own.X)
	w.sized(own.Y)
	return hash.kdfe(z.X, "SECRET", own.X, public.X, hash.Size()), w, nil
}

// padded brings a coordinate to its length: some TPMs leave leading zeros out.
func padded(p []byte, size int) []byte {
	if len(p) >= size {
		return p
	}
	return append(make([]byte, size-len(p)), p...)
}

// saltRSA encrypts with OAEP (RFC 8017, 7.1.1), label "SECRET" with its zero.
func saltRSA(r *reader, hash Hash) (salt, encrypted []byte, err error) {
	r.u16()
	exponent := r.u32()
	if exponent == 0 {
		exponent = publicExponent
	}
	modulus := r.sized()
	size, n := len(modulus), hash.Size()
	if r.short || size < 2*n+2 || modulus[0] == 0 {
		return nil, nil, ErrUnsupported
	}
	m, err := modular.New(modulus)
	if err != nil {
		return nil, nil, err
	}
	random := make([]byte, 2*n)
	if _, err := rand.Read(random); err != nil {
		return nil, nil, err
	}
	salt, seed := random[:n], random[n:]
	block := append(hash.Sum([]byte("SECRET\x00")), make([]byte, size-2*n-2-n)...)
	block = append(append(block, 1), salt...)
	xor(block, mask(hash, seed, len(block)))
	xor(seed, mask(hash, block, n))
	x, ok := m.Number(append(append([]byte{0}, seed...), block...))
	if !ok {
		return nil, nil, ErrUnsupported
	}
	m.Power(x, x, number(exponent))
	encrypted = make([]byte, size)
	m.Bytes(encrypted, x)
	return salt, encrypted, nil
}

// mask is MGF1.
func mask(hash Hash, seed []byte, size int) []byte {
	count := uint32(0)
	return expand(size, func([]byte) []byte {
		count++
		return hash.Sum(seed, number(count-1))
	})
}

func xor(p, with []byte) {
	for i := range p {
		p[i] ^= with[i]
	}
}
