// SPDX-License-Identifier: Apache-2.0

// Package curve multiplies and adds points of the curves of NIST, y² = x³ - 3x + b: the key agreement with a TPM, and
// McCallum-Relyea's exchange with a server, which needs sums of points. The standard library's crypto/ecdh cannot add
// points, and is larger.
//
// Points are projective, (X:Y:Z) with x = X/Z, y = Y/Z, and (0:1:0) at infinity. The one formula for sums holds for
// all points, so that nothing depends on their values: Renes, Costello, Batina, "Complete addition formulas for prime
// order elliptic curves", 2016, algorithm 4. The constants: FIPS 186-4, D.1.2.
package curve

import (
	"crypto/rand"
	"encoding/hex"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/token/modular"
)

// Curve is one of the three.
type Curve struct {
	Name string // "P-256"
	// Size is how long coordinates and scalars are, bytes.
	Size int

	field  *modular.Modulus
	b      modular.Number
	order  []byte
	gx, gy []byte
}

// Point is one with coordinates, big-endian and of the curve's length. The one at infinity has none.
type Point struct{ X, Y []byte }

// ErrPoint: coordinates of no point of the curve, or none at all.
var ErrPoint = errors.New("not a point of the curve")

// constants are p, n, b, x and y of the base point.
var constants = map[string][5]string{
	"P-256": {
		"ffffffff00000001000000000000000000000000ffffffffffffffffffffffff",
		"ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
		"5ac635d8aa3a93e7b3ebbd55769886bc651d06b0cc53b0f63bce3c3e27d2604b",
		"6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296",
		"4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5",
	},
	"P-384": {
		"fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
		"ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
		"b3312fa7e23ee7e4988e056be3f82d19181d9c6efe8141120314088f5013875ac656398d8a2ed19d2a85c8edd3ec2aef",
		"aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
		"3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
	},
	"P-521": {
		"01ff" + "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" +
			"ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
		"01ff" + "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff" +
			"fa51868783bf2f966b7fcc0148f709a5d03bb5c9b8899c47aebb6fb71e91386409",
		"0051953eb9618e1c9a1f929a21a0b68540eea2da725b99b315f3b8b489918ef109e1" +
			"56193951ec7e937b1652c0bd3bb1bf073573df883d2c34f1ef451fd46b503f00",
		"00c6858e06b70404e9cd9e3ecb662395b4429c648139053fb521f828af606b4d3dba" +
			"a14b5e77efe75928fe1dc127a2ffa8de3348b3c1856a429bf97e7e31c2e5bd66",
		"011839296a789a3bc0045c8a5fb42c7d1bd998f54449579b446817afbd17273e662c" +
			"97ee72995ef42640c550b9013fad0761353c7086a272c24088be94769fd16650",
	},
}

// Named returns the curve of a name as "P-256"; false for one that is not known.
func Named(name string) (*Curve, bool) {
	list, known := constants[name]
	if !known {
		return nil, false
	}
	var p [5][]byte
	for i, text := range list {
		p[i], _ = hex.DecodeString(text) // a test reads them all
	}
	c := &Curve{Name: name, Size: len(p[0]), order: p[1], gx: p[3], gy: p[4]}
	c.field, _ = modular.New(p[0])
	c.b, _ = c.field.Number(p[2])
	return c, true
}

// Base is the point that the others are multiples of.
func (c *Curve) Base() Point { return Point{c.gx, c.gy} }

// Scalar draws a number from 1 to the order less 1, big-endian. It is the caller's to wipe.
func (c *Curve) Scalar() ([]byte, error) {
	order, err := modular.New(c.order)
	if err != nil {
		return nil, err
	}
	for {
		k := make([]byte, c.Size)
		if _, err := rand.Read(k); err != nil {
			return nil, err
		}
		if c.order[0] == 1 { // of 521 bits
			k[0] &= 1
		}
		if _, less := order.Number(k); less && !isZero(k) {
			return k, nil
		}
	}
}

func isZero(p []byte) bool {
	var all byte
	for _, b := range p {
		all |= b
	}
	return all == 0
}

// sum is a point in projective coordinates.
type sum struct{ x, y, z modular.Number }

// Multiply is k times p. Errors are ErrPoint, for a p off the curve and for a product at infinity.
func (c *Curve) Multiply(p Point, k []byte) (Point, error) {
	base, err := c.enter(p)
	if err != nil {
		return Point{}, err
	}
	result, added := c.infinity(), c.infinity()
	for i := range 8 * len(k) {
		c.add(result, result, base, added)
		bit := k[i/8] >> (7 - i%8) & 1
		result.choose(added, bit)
	}
	return c.leave(result)
}

// choose takes the other one where bit is 1.
func (s sum) choose(other sum, bit byte) {
	mask := -uint64(bit)
	for _, pair := range [][2]modular.Number{{s.x, other.x}, {s.y, other.y}, {s.z, other.z}} {
		for i := range pair[0] {
			pair[0][i] ^= mask & (pair[0][i] ^ pair[1][i])
		}
	}
}

// add doubles p into doubled, and sets more to that plus q.
func (c *Curve) add(p, doubled, q, more sum) {
	c.plus(doubled, p, p)
	c.plus(more, doubled, q)
}

// Subtract is p less q. Errors are ErrPoint, for one off the curve and for p = q.
func (c *Curve) Subtract(p, q Point) (Point, error) {
	a, err := c.enter(p)
	b, err2 := c.enter(q)
	if err := errors.Join(err, err2); err != nil {
		return Point{}, ErrPoint
	}
	c.field.Subtract(b.y, c.field.Zero(), b.y)
	c.plus(a, a, b)
	return c.leave(a)
}

// Add is p plus q. Errors are ErrPoint, for one off the curve and for p = -q.
func (c *Curve) Add(p, q Point) (Point, error) {
	a, err := c.enter(p)
	b, err2 := c.enter(q)
	if err := errors.Join(err, err2); err != nil {
		return Point{}, ErrPoint
	}
	c.plus(a, a, b)
	return c.leave(a)
}

// Check is nil for a point of the curve, else ErrPoint.
func (c *Curve) Check(p Point) error {
	_, err := c.enter(p)
	return err
}

func (c *Curve) infinity() sum { return sum{c.field.Zero(), c.field.One(), c.field.Zero()} }

// enter checks that a point is on the curve: y² = x³ - 3x + b.
func (c *Curve) enter(p Point) (sum, error) {
	x, ok := c.field.Number(p.X)
	y, also := c.field.Number(p.Y)
	if !ok || !also {
		return sum{}, ErrPoint
	}
	f, left, right := c.field, c.field.Zero(), c.field.Zero()
	f.Multiply(left, y, y)
	f.Multiply(right, x, x)
	f.Multiply(right, right, x)
	for range 3 {
		f.Subtract(right, right, x)
	}
	f.Add(right, right, c.b)
	for i := range left {
		if left[i] != right[i] {
			return sum{}, ErrPoint
		}
	}
	return sum{x, y, f.One()}, nil
}

func (c *Curve) leave(s sum) (Point, error) {
	f, inverse := c.field, c.field.Zero()
	f.Invert(inverse, s.z)
	f.Multiply(s.x, s.x, inverse)
	f.Multiply(s.y, s.y, inverse)
	p := Point{make([]byte, c.Size), make([]byte, c.Size)}
	f.Bytes(p.X, s.x)
	f.Bytes(p.Y, s.y)
	var all uint64
	for _, w := range s.z {
		all |= w
	}
	if all == 0 {
		return Point{}, ErrPoint
	}
	return p, nil
}

// plus sets s = p + q, which may be the same.
func (c *Curve) plus(s, p, q sum) {
	f := c.field
	mul, add, sub := f.Multiply, f.Add, f.Subtract
	t0, t1, t2, t3, t4 := f.Zero(), f.Zero(), f.Zero(), f.Zero(), f.Zero()
	x, y, z := f.Zero(), f.Zero(), f.Zero()
	mul(t0, p.x, q.x)
	mul(t1, p.y, q.y)
	mul(t2, p.z, q.z)
	cross := func(out, a, b, c, d, less1, less2 modular.Number) { // out = (a+b)(c+d) - less1 - less2
		add(x, a, b)
		add(y, c, d)
		mul(out, x, y)
		sub(out, out, less1)
		sub(out, out, less2)
	}
	cross(t3, p.x, p.y, q.x, q.y, t0, t1)
	cross(t4, p.y, p.z, q.y, q.z, t1, t2)
	cross(z, p.x, p.z, q.x, q.z, t0, t2)
	y, z = z, y
	triple := func(out, a modular.Number) {
		twice := f.Zero()
		add(twice, a, a)
		add(out, twice, a)
	}
	mul(z, c.b, t2)
	sub(x, y, z)
	triple(x, x)
	sub(z, t1, x)
	add(x, t1, x)
	mul(y, c.b, y)
	triple(t2, t2)
	sub(y, y, t2)
	sub(y, y, t0)
	triple(y, y)
	triple(t0, t0)
	sub(t0, t0, t2)
	mul(t1, t4, y)
	mul(t2, t0, y)
	mul(y, x, z)
	add(s.y, y, t2)
	mul(x, t3, x)
	sub(s.x, x, t1)
	mul(z, t4, z)
	mul(t1, t3, t0)
	add(s.z, z, t1)
}
