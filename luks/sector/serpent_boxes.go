// SPDX-License-Identifier: Apache-2.0

package sector

// The substitutions of Serpent and their inverses, on 32 blocks of four bits at once: bit i of a, b,
// c and d is bit 0 to 3 of block i. They are the sequences of Boolean operations that Dag Arne Osvik
// found ("Speeding up Serpent", AES3, 2000), five variables each; the tables they come from are in
// the tests.

func serpentS0(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	d ^= a
	e := b
	b &= d
	e ^= c
	b ^= a
	a |= d
	a ^= e
	e ^= d
	d ^= c
	c |= b
	c ^= e
	e = ^e
	e |= b
	b ^= d
	b ^= e
	d |= a
	b ^= d
	e ^= d
	return b, e, c, a
}

func serpentInvS0(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	c = ^c
	e := b
	b |= a
	e = ^e
	b ^= c
	c |= e
	b ^= d
	a ^= e
	c ^= a
	a &= d
	e ^= a
	a |= b
	a ^= c
	d ^= e
	c ^= b
	d ^= a
	d ^= b
	c &= d
	e ^= c
	return a, e, b, d
}

func serpentS1(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	a = ^a
	c = ^c
	e := a
	a &= b
	c ^= a
	a |= d
	d ^= c
	b ^= a
	a ^= e
	e |= b
	b ^= d
	c |= a
	c &= e
	a ^= b
	b &= c
	b ^= a
	a &= c
	a ^= e
	return c, a, d, b
}

func serpentInvS1(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	e := b
	b ^= d
	d &= b
	e ^= c
	d ^= a
	a |= b
	c ^= d
	a ^= e
	a |= c
	b ^= d
	a ^= b
	b |= d
	b ^= a
	e = ^e
	e ^= b
	b |= a
	b ^= a
	b |= e
	d ^= b
	return e, a, d, c
}

func serpentS2(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	e := a
	a &= c
	a ^= d
	c ^= b
	c ^= a
	d |= e
	d ^= b
	e ^= c
	b = d
	d |= e
	d ^= a
	a &= b
	e ^= a
	b ^= d
	b ^= e
	e = ^e
	return c, d, b, e
}

func serpentInvS2(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	c ^= d
	d ^= a
	e := d
	d &= c
	d ^= b
	b |= c
	b ^= e
	e &= d
	c ^= d
	e &= a
	e ^= c
	c &= b
	c |= a
	d = ^d
	c ^= d
	a ^= d
	a &= b
	d ^= e
	d ^= a
	return b, e, c, d
}

func serpentS3(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	e := a
	a |= d
	d ^= b
	b &= e
	e ^= c
	c ^= d
	d &= a
	e |= b
	d ^= e
	a ^= b
	e &= a
	b ^= d
	e ^= c
	b |= a
	b ^= c
	a ^= d
	c = b
	b |= d
	b ^= a
	return b, c, d, e
}

func serpentInvS3(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	e := c
	c ^= b
	b &= c
	b ^= a
	a &= e
	e ^= d
	d |= b
	d ^= c
	a ^= e
	c ^= a
	a |= d
	a ^= b
	e ^= c
	c &= d
	b |= d
	b ^= c
	e ^= a
	c ^= e
	return d, a, c, b
}

func serpentS4(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	b ^= d
	d = ^d
	c ^= d
	d ^= a
	e := b
	b &= d
	b ^= c
	e ^= d
	a ^= e
	c &= e
	c ^= a
	a &= b
	d ^= a
	e |= b
	e ^= a
	a |= d
	a ^= c
	c &= d
	a = ^a
	e ^= c
	return b, e, a, d
}

func serpentInvS4(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	e := c
	c &= d
	c ^= b
	b |= d
	b &= a
	e ^= c
	e ^= b
	b &= c
	a = ^a
	d ^= e
	b ^= d
	d &= a
	d ^= c
	a ^= b
	c &= a
	d ^= a
	c ^= e
	c |= d
	d ^= a
	c ^= b
	return a, d, c, e
}

func serpentS5(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	a ^= b
	b ^= d
	d = ^d
	e := b
	b &= a
	c ^= d
	b ^= c
	c |= e
	e ^= d
	d &= b
	d ^= a
	e ^= b
	e ^= c
	c ^= a
	a &= d
	c = ^c
	a ^= e
	e |= d
	c ^= e
	return b, d, a, c
}

func serpentInvS5(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	b = ^b
	e := d
	c ^= b
	d |= a
	d ^= c
	c |= b
	c &= a
	e ^= d
	c ^= e
	e |= a
	e ^= b
	b &= c
	b ^= d
	e ^= c
	d &= e
	e ^= b
	d ^= e
	e = ^e
	d ^= a
	return b, e, d, c
}

func serpentS6(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	c = ^c
	e := d
	d &= a
	a ^= e
	d ^= c
	c |= e
	b ^= d
	c ^= a
	a |= b
	c ^= b
	e ^= a
	a |= d
	a ^= c
	e ^= d
	e ^= a
	d = ^d
	c &= e
	c ^= d
	return a, b, e, c
}

func serpentInvS6(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	a ^= c
	e := c
	c &= a
	e ^= d
	c = ^c
	d ^= b
	c ^= d
	e |= a
	a ^= c
	d ^= e
	e ^= b
	b &= d
	b ^= a
	a ^= d
	a |= c
	d ^= b
	e ^= a
	return b, c, e, d
}

func serpentS7(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	e := b
	b |= c
	b ^= d
	e ^= c
	c ^= b
	d |= e
	d &= a
	e ^= c
	d ^= b
	b |= e
	b ^= a
	a |= e
	a ^= c
	b ^= e
	c ^= b
	b &= a
	b ^= e
	c = ^c
	c |= a
	e ^= c
	return e, d, b, a
}

func serpentInvS7(a, b, c, d uint32) (uint32, uint32, uint32, uint32) {
	e := c
	c ^= a
	a &= d
	e |= d
	c = ^c
	d ^= b
	b |= a
	a ^= c
	c &= e
	d &= e
	b ^= c
	c ^= a
	a |= c
	e ^= b
	a ^= d
	d ^= e
	e |= a
	d ^= c
	e ^= c
	return d, a, b, e
}
