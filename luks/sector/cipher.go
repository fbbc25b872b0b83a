// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"fmt"
	"math/bits"
	"runtime"
	"sync"
)

// Sector sizes in bytes.
const (
	MinSize = 512
	MaxSize = 4096
)

// sectorShift is log2 of the bytes that one sector number stands for.
const sectorShift = 9

// batch is the number of sectors whose vectors are computed at once.
const batch = 64

// Cipher encrypts sectors under one key. It may be used from several goroutines at once.
type Cipher struct {
	spec  Spec
	size  int  // bytes in a sector
	shift uint // vector number = sector number >> shift
	step  uint64
	iv    ivGenerator
	mode  mode
	// keyslot: see InKeyslot
	keyslot bool
	// kernelless: see Kernelless
	kernelless bool
	work       sync.Pool // *scratch
}

// mode transforms whole sectors of size bytes. ivs holds one vector for each of them and is the
// mode's to overwrite; work is free for any use, and is zero before and after. dst is as long as src
// and may be src.
type mode interface {
	encrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error
	decrypt(dst, src, ivs []byte, size int, work *[MaxSize]byte) error
	ivSize() int // bytes in a vector; 0: none
	wipe()
}

// scratch is what one call needs besides its arguments. It is zero when no call uses it: vectors may
// be encrypted, and work holds plaintext and key stream.
type scratch struct {
	ivs  [batch * maxIVSize]byte
	work [MaxSize]byte
}

// Option changes how a Cipher works.
type Option func(*Cipher)

// LargeSectors makes vectors from sector numbers in units of the sector size (dm-crypt's option
// iv_large_sectors). Encrypt and Decrypt still take numbers in units of 512 bytes.
func LargeSectors() Option {
	return func(c *Cipher) {
		c.shift = uint(bits.TrailingZeros(uint(c.size))) - sectorShift
		c.step = 1
	}
}

// Kernelless takes a cipher that no kernel has, which is for volumes that other programs made: Kuznyechik.
func Kernelless() Option {
	return func(c *Cipher) { c.kernelless = true }
}

// InKeyslot makes vectors as all programs do for the areas of keyslots, where benbi in counter mode differs
// from what dm-crypt does.
func InKeyslot() Option {
	return func(c *Cipher) { c.keyslot = true }
}

// New makes a Cipher from a specification, a key and the sector size in bytes. The key is copied
// where needed: the caller may wipe it. Errors: SpecError, UnsupportedError, KeySizeError, ErrSectorSize.
func New(spec string, key []byte, sectorSize int, options ...Option) (*Cipher, error) {
	if sectorSize < MinSize || sectorSize > MaxSize || sectorSize&(sectorSize-1) != 0 {
		return nil, fmt.Errorf("cipher %q: %w: %d bytes", spec, ErrSectorSize, sectorSize)
	}
	s, err := ParseSpec(spec)
	if err != nil {
		return nil, err
	}
	c := &Cipher{spec: s, size: sectorSize, step: uint64(sectorSize) >> sectorShift}
	for _, option := range options {
		option(c)
	}
	if err := c.setKey(key); err != nil {
		c.Close()
		return nil, err
	}
	return c, nil
}

func (c *Cipher) setKey(key []byte) (err error) {
	if c.spec.IsNull() && c.spec.Mode == "ecb" {
		c.mode = nullMode{}
		return nil
	}
	if err := c.spec.checkIV(); err != nil {
		return err
	}
	own := c.kernelless && c.spec.Cipher == kuznyechikName && rowOf(c.spec.Mode).make != nil
	if !own && !c.spec.builtin() {
		return c.setKernelKey(key)
	}
	if c.mode, err = rowOf(c.spec.Mode).make(c.spec, key); err != nil {
		return err
	}
	c.iv, err = newIV(c.spec, key, c.mode.ivSize())
	switch {
	case c.spec.IV == "eboiv":
		c.iv.byteOffsets(c.size)
	case c.spec.IV == "benbi" && c.keyslot && c.spec.Algorithm == "": // else all programs leave it to dm-crypt
		c.iv.count(c.spec.cipherShift())
	}
	return err
}

// Spec returns what the Cipher was made from, in full form.
func (c *Cipher) Spec() Spec { return c.spec }

// SectorSize returns the bytes in a sector.
func (c *Cipher) SectorSize() int { return c.size }

// Encrypt encrypts the whole sectors of src into dst, which is src itself or does not overlap it.
// sector numbers the first of them in units of 512 bytes, dm-crypt's iv_offset included.
// Errors: ErrLength, ErrClosed; the kernel's where it does the work.
func (c *Cipher) Encrypt(dst, src []byte, sector uint64) error {
	return c.transform(dst, src, sector, mode.encrypt)
}

// Decrypt is the inverse of Encrypt.
func (c *Cipher) Decrypt(dst, src []byte, sector uint64) error {
	return c.transform(dst, src, sector, mode.decrypt)
}

type direction func(m mode, dst, src, ivs []byte, size int, work *[MaxSize]byte) error

func (c *Cipher) transform(dst, src []byte, sector uint64, way direction) error {
	if c.mode == nil {
		return ErrClosed
	}
	if len(src)%c.size != 0 || len(dst) < len(src) {
		return fmt.Errorf("%w: %d bytes of %d-byte sectors into %d bytes", ErrLength, len(src), c.size, len(dst))
	}
	s := c.scratch()
	defer c.release(s)
	defer clear(s.ivs[:min(len(src)/c.size, batch)*c.mode.ivSize()])
	number := sector >> c.shift
	for len(src) > 0 {
		n := min(len(src), batch*c.size)
		ivs := s.ivs[:n/c.size*c.mode.ivSize()]
		c.iv.fill(ivs, number, c.step)
		if err := way(c.mode, dst[:n], src[:n], ivs, c.size, &s.work); err != nil {
			return fmt.Errorf("cipher %q, sector %d: %w", c.spec, sector, err)
		}
		number += batch * c.step
		dst, src = dst[n:], src[n:]
	}
	return nil
}

func (c *Cipher) scratch() *scratch {
	if s, ok := c.work.Get().(*scratch); ok {
		return s
	}
	return new(scratch)
}

func (c *Cipher) release(s *scratch) {
	c.work.Put(s)
	// Round keys may lie outside the Go heap and go away with their finalizer.
	runtime.KeepAlive(c)
}

// Close wipes the round keys, except those that the standard library keeps to itself (AES on
// processors for which this package has no code). It must not run beside Encrypt or Decrypt; it may
// be called more than once and on nil.
func (c *Cipher) Close() {
	if c == nil || c.mode == nil {
		return
	}
	c.iv.wipe()
	c.mode.wipe()
	c.mode = nil
}
