// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"encoding/binary"
	"math/bits"
)

// The primes of XXH64 (xxHash specification 0.1.1, Yann Collet).
const (
	prime1 uint64 = 0x9E3779B185EBCA87
	prime2 uint64 = 0xC2B2AE3D27D4EB4F
	prime3 uint64 = 0x165667B19E3779F9
	prime4 uint64 = 0x85EBCA77C2B2AE63
	prime5 uint64 = 0x27D4EB2F165667C5
)

const stripe = 32 // bytes

// xxHash is XXH64 with seed 0, stored with its lowest byte first.
type xxHash struct {
	lanes  [4]uint64
	total  uint64
	buffer [stripe]byte
	n      int // bytes in buffer
}

func newXXHash() *xxHash {
	x := &xxHash{}
	x.Reset()
	return x
}

func (x *xxHash) Reset() {
	p1 := prime1
	*x = xxHash{lanes: [4]uint64{p1 + prime2, prime2, 0, -p1}}
}

func (*xxHash) Size() int      { return 8 }
func (*xxHash) BlockSize() int { return stripe }

func (x *xxHash) Write(p []byte) (int, error) {
	length := len(p)
	x.total += uint64(length)
	if x.n > 0 {
		taken := copy(x.buffer[x.n:], p)
		x.n += taken
		p = p[taken:]
		if x.n < stripe {
			return length, nil
		}
		x.take(x.buffer[:])
		x.n = 0
	}
	whole := len(p) &^ (stripe - 1)
	x.take(p[:whole])
	x.n = copy(x.buffer[:], p[whole:])
	return length, nil
}

// take mixes whole stripes in.
func (x *xxHash) take(p []byte) {
	a, b, c, d := x.lanes[0], x.lanes[1], x.lanes[2], x.lanes[3]
	for ; len(p) >= stripe; p = p[stripe:] {
		a = round(a, binary.LittleEndian.Uint64(p))
		b = round(b, binary.LittleEndian.Uint64(p[8:]))
		c = round(c, binary.LittleEndian.Uint64(p[16:]))
		d = round(d, binary.LittleEndian.Uint64(p[24:]))
	}
	x.lanes = [4]uint64{a, b, c, d}
}

func round(lane, input uint64) uint64 {
	return bits.RotateLeft64(lane+input*prime2, 31) * prime1
}

func (x *xxHash) Sum(b []byte) []byte {
	h := prime5
	if x.total >= stripe {
		h = bits.RotateLeft64(x.lanes[0], 1) + bits.RotateLeft64(x.lanes[1], 7) +
			bits.RotateLeft64(x.lanes[2], 12) + bits.RotateLeft64(x.lanes[3], 18)
		for _, lane := range x.lanes {
			h = (h^round(0, lane))*prime1 + prime4
		}
	}
	h = finish(h+x.total, x.buffer[:x.n])
	return binary.LittleEndian.AppendUint64(b, h)
}

// finish mixes in what is no whole stripe.
func finish(h uint64, rest []byte) uint64 {
	for ; len(rest) >= 8; rest = rest[8:] {
		h = bits.RotateLeft64(h^round(0, binary.LittleEndian.Uint64(rest)), 27)*prime1 + prime4
	}
	if len(rest) >= 4 {
		h = bits.RotateLeft64(h^uint64(binary.LittleEndian.Uint32(rest))*prime1, 23)*prime2 + prime3
		rest = rest[4:]
	}
	for _, c := range rest {
		h = bits.RotateLeft64(h^uint64(c)*prime5, 11) * prime1
	}
	h = (h ^ h>>33) * prime2
	h = (h ^ h>>29) * prime3
	return h ^ h>>32
}
