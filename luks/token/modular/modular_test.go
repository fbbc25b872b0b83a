// SPDX-License-Identifier: Apache-2.0

package modular

import (
	"bytes"
	"errors"
	"math/big"
	"math/rand/v2"
	"testing"
)

// sample draws a number of so many bytes.
func sample(r *rand.Rand, size int) []byte {
	p := make([]byte, size)
	for i := range p {
		p[i] = byte(r.Uint32())
	}
	if r.IntN(8) == 0 {
		for i := range p {
			p[i] = 0xff
		}
	}
	return p
}

// TestCalculatesAsBigNumbersDo holds every operation against math/big, for moduli of all lengths.
func TestCalculatesAsBigNumbersDo(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	for round := range 400 {
		p := sample(r, 1+r.IntN(80))
		p[len(p)-1] |= 1
		if round%50 == 0 {
			p = append(p, bytes.Repeat([]byte{0xff}, 512-len(p))...)
		}
		n := new(big.Int).SetBytes(p)
		m, err := New(p)
		if n.Cmp(big.NewInt(1)) == 0 {
			continue
		}
		if err != nil {
			t.Fatalf("modulus %x: %v", p, err)
		}
		a := new(big.Int).Mod(new(big.Int).SetBytes(sample(r, len(p))), n)
		b := new(big.Int).Mod(new(big.Int).SetBytes(sample(r, len(p))), n)
		x, _ := m.Number(a.Bytes())
		y, ok := m.Number(b.Bytes())
		if x == nil || !ok {
			t.Fatalf("%x or %x is not taken modulo %x", a, b, n)
		}
		exponent := sample(r, 5)
		for name, c := range map[string]struct {
			do   func(z Number)
			want *big.Int
		}{
			"sum":        {func(z Number) { m.Add(z, x, y) }, new(big.Int).Add(a, b)},
			"difference": {func(z Number) { m.Subtract(z, x, y) }, new(big.Int).Sub(a, b)},
			"product":    {func(z Number) { m.Multiply(z, x, y) }, new(big.Int).Mul(a, b)},
			"power": {
				func(z Number) { m.Power(z, x, exponent) },
				new(big.Int).Exp(a, new(big.Int).SetBytes(exponent), n),
			},
		} {
			z := m.Zero()
			c.do(z)
			out := make([]byte, m.Size())
			m.Bytes(out, z)
			if c.want.Mod(c.want, n); new(big.Int).SetBytes(out).Cmp(c.want) != 0 {
				t.Fatalf("%s of %x and %x modulo %x: %x, want %x", name, a, b, n, out, c.want)
			}
		}
	}
}

func TestInverseTimesItsNumberIsOne(t *testing.T) {
	p256 := "115792089210356248762697446949407573530086143415290314195533631308867097853951"
	for _, prime := range []string{"3", "65537", p256} {
		p, _ := new(big.Int).SetString(prime, 10)
		m, err := New(p.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		x, _ := m.Number([]byte{2})
		z := m.Zero()
		m.Invert(z, x)
		m.Multiply(z, z, x)
		out := make([]byte, m.Size())
		if m.Bytes(out, z); new(big.Int).SetBytes(out).Cmp(big.NewInt(1)) != 0 {
			t.Errorf("modulo %s: %x", prime, out)
		}
	}
}

func TestWhatIsNoModulusOrNumberIsRefused(t *testing.T) {
	for _, p := range [][]byte{nil, {0}, {1}, {4}, append(make([]byte, 0), bytes.Repeat([]byte{0xff}, 513)...)} {
		if _, err := New(p); !errors.Is(err, ErrModulus) {
			t.Errorf("modulus %x: %v", p, err)
		}
	}
	m, _ := New([]byte{7})
	for _, p := range [][]byte{{7}, {8}, {0, 1}} {
		if _, ok := m.Number(p); ok {
			t.Errorf("%x is taken for a number modulo 7", p)
		}
	}
}
