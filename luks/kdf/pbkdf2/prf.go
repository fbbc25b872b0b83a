// SPDX-License-Identifier: Apache-2.0

package pbkdf2

import (
	"context"
	"crypto/subtle"
	"encoding/binary"
	"hash"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// prf is HMAC under one password, with the states after the padded key kept, so that each call
// costs two compressions rather than four.
type prf struct {
	inner, outer           hash.Hash
	innerStart, outerStart hashalg.Midstate
	u                      []byte // U_i, one digest
	t                      []byte // U_1 ^ … ^ U_i

	fast loop // nil where there is none
}

// loop iterates HMAC faster than through hash.Hash.
type loop interface {
	// run replaces u by HMAC(u) n times and adds each to t.
	run(u, t []byte, n uint32)
	wipe()
}

// newLoop takes hashes that have taken the padded key each.
func newLoop(inner, outer hash.Hash) loop {
	if l := newSHA256Loop(inner, outer); l != nil {
		return l
	}
	if l := newDirectLoop(inner, outer); l != nil {
		return l
	}
	return nil
}

func newPRF(factory func() hash.Hash, password []byte) *prf {
	p := &prf{inner: factory(), outer: factory()}
	pad := make([]byte, p.inner.BlockSize())
	defer secret.Wipe(pad)
	if len(password) > len(pad) {
		p.outer.Write(password)
		p.outer.Sum(pad[:0])
		p.outer.Reset()
	} else {
		copy(pad, password)
	}
	xorByte(pad, 0x36)
	p.inner.Write(pad)
	xorByte(pad, 0x36^0x5c)
	p.outer.Write(pad)
	p.innerStart, p.outerStart = hashalg.Save(p.inner), hashalg.Save(p.outer)
	p.fast = newLoop(p.inner, p.outer)
	p.u, p.t = make([]byte, p.inner.Size()), make([]byte, p.inner.Size())
	return p
}

func xorByte(p []byte, mask byte) {
	for i := range p {
		p[i] ^= mask
	}
}

// block computes the block with the given number, which counts from 1, and puts as much of it in out as fits.
func (p *prf) block(ctx context.Context, out, salt []byte, number, iterations uint32) error {
	p.first(salt, number)
	copy(p.t, p.u)
	for done := uint32(1); done < iterations; {
		if err := ctx.Err(); err != nil {
			return err
		}
		n := min(iterations-done, pollEvery)
		p.iterate(n)
		done += n
	}
	copy(out, p.t)
	return ctx.Err()
}

// first sets u to HMAC(salt || be32(number)).
func (p *prf) first(salt []byte, number uint32) {
	var index [4]byte
	binary.BigEndian.PutUint32(index[:], number)
	p.innerStart.Restore()
	p.inner.Write(salt)
	p.inner.Write(index[:])
	p.finish()
}

// iterate replaces u by HMAC(u) n times and adds each to t.
func (p *prf) iterate(n uint32) {
	if p.fast != nil {
		p.fast.run(p.u, p.t, n)
		return
	}
	for range n {
		p.innerStart.Restore()
		p.inner.Write(p.u)
		p.finish()
		subtle.XORBytes(p.t, p.t, p.u)
	}
}

// finish sets u to the HMAC of what was written to inner.
func (p *prf) finish() {
	p.inner.Sum(p.u[:0])
	p.outerStart.Restore()
	p.outer.Write(p.u)
	p.outer.Sum(p.u[:0])
}

func (p *prf) wipe() {
	if p.fast != nil {
		p.fast.wipe()
	}
	p.innerStart.Wipe()
	p.outerStart.Wipe()
	hashalg.Wipe(p.inner)
	hashalg.Wipe(p.outer)
	secret.Wipe(p.u)
	secret.Wipe(p.t)
}
