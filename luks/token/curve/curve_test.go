// SPDX-License-Identifier: Apache-2.0

package curve

import (
	"bytes"
	"crypto/ecdh"
	"crypto/rand"
	"errors"
	"testing"
)

var standard = map[string]ecdh.Curve{"P-256": ecdh.P256(), "P-384": ecdh.P384(), "P-521": ecdh.P521()}

func point(p *ecdh.PublicKey) Point {
	b := p.Bytes()
	n := (len(b) - 1) / 2
	return Point{b[1 : 1+n], b[1+n:]}
}

// TestKeyAgreementIsThatOfTheStandardLibrary multiplies the base point and other points.
func TestKeyAgreementIsThatOfTheStandardLibrary(t *testing.T) {
	for name, std := range standard {
		c, _ := Named(name)
		for range 8 {
			k, err := c.Scalar()
			if err != nil {
				t.Fatal(err)
			}
			own, err := std.NewPrivateKey(k)
			if err != nil {
				t.Fatalf("%s: scalar %x: %v", name, k, err)
			}
			got, err := c.Multiply(c.Base(), k)
			want := point(own.PublicKey())
			if err != nil || !bytes.Equal(got.X, want.X) || !bytes.Equal(got.Y, want.Y) {
				t.Fatalf("%s: %x times the base is %x, %v", name, k, got, err)
			}
			other, _ := std.GenerateKey(rand.Reader)
			shared, _ := own.ECDH(other.PublicKey())
			got, err = c.Multiply(point(other.PublicKey()), k)
			if err != nil || !bytes.Equal(got.X, shared) {
				t.Fatalf("%s: shared %x, want %x, %v", name, got.X, shared, err)
			}
		}
	}
}

// TestSumsAndDifferencesAgreeWithMultiples: 3G + 2G = 5G, 5G - 2G = 3G, 2G - 3G = -G, G - G at infinity.
func TestSumsAndDifferencesAgreeWithMultiples(t *testing.T) {
	for name := range standard {
		c, _ := Named(name)
		times := func(k byte) Point {
			p, err := c.Multiply(c.Base(), []byte{k})
			if err != nil {
				t.Fatal(err)
			}
			return p
		}
		five := times(5)
		got, err := c.Add(times(3), times(2))
		if err != nil || !bytes.Equal(got.X, five.X) || !bytes.Equal(got.Y, five.Y) {
			t.Errorf("%s: 3+2: %x, %v", name, got, err)
		}
		if got, err := c.Subtract(times(5), times(2)); err != nil || !bytes.Equal(got.Y, times(3).Y) {
			t.Errorf("%s: 5-2: %x, %v", name, got, err)
		}
		got, err = c.Subtract(times(2), times(3))
		if err != nil || !bytes.Equal(got.X, c.gx) || bytes.Equal(got.Y, c.gy) {
			t.Errorf("%s: 2-3: %x, %v", name, got, err)
		}
		if _, err := c.Subtract(c.Base(), c.Base()); !errors.Is(err, ErrPoint) {
			t.Errorf("%s: 1-1: %v", name, err)
		}
		if _, err := c.Multiply(c.Base(), c.order); !errors.Is(err, ErrPoint) {
			t.Errorf("%s: the order times the base: %v", name, err)
		}
	}
}

func TestPointsOffTheCurveAreRefused(t *testing.T) {
	for name := range standard {
		c, _ := Named(name)
		off := bytes.Clone(c.gy)
		off[len(off)-1] ^= 1
		field := bytes.Repeat([]byte{0xff}, c.Size)
		for _, p := range []Point{{c.gx, off}, {nil, nil}, {field, c.gy}, {append([]byte{0}, c.gx...), c.gy}} {
			if _, err := c.Multiply(p, []byte{1}); !errors.Is(err, ErrPoint) {
				t.Errorf("%s: %x: %v", name, p, err)
			}
		}
	}
	if _, known := Named("secp256k1"); known {
		t.Error("secp256k1 is known")
	}
}
