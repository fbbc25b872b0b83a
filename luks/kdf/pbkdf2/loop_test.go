// SPDX-License-Identifier: Apache-2.0

package pbkdf2

import (
	"bytes"
	"crypto/sha256"
	"crypto/sha512"
	"hash"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// wantLoop is the kind of loop that a hash should have.
func wantLoop(name string) string {
	switch {
	case name == "sha256" && sha256Iterator() != nil:
		return "in registers"
	case strings.HasPrefix(name, "sha") && !strings.HasPrefix(name, "sha3-"):
		return "direct"
	}
	return "none"
}

func loopOf(p *prf) string {
	switch p.fast.(type) {
	case *sha256Loop:
		return "in registers"
	case *directLoop:
		return "direct"
	case nil:
		return "none"
	}
	return "another"
}

func TestFastLoopsAgreeWithTheGeneralOne(t *testing.T) {
	for _, name := range hashalg.Names() {
		factory, err := hashalg.Factory(name)
		if err != nil {
			t.Fatal(err)
		}
		if got, want := loopOf(newPRF(factory, nil)), wantLoop(name); got != want {
			t.Errorf("%s: loop %s, want %s", name, got, want)
		}
		rapid.Check(t, func(t *rapid.T) {
			password := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "password")
			salt := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "salt")
			iterations := rapid.SampledFrom([]uint32{1, 2, 3, 10, 50, pollEvery, pollEvery + 2}).Draw(t, "iterations")
			fast, general := newPRF(factory, password), newPRF(factory, password)
			general.fast = nil
			got, want := make([]byte, len(fast.u)), make([]byte, len(fast.u))
			if fast.block(t.Context(), got, salt, 1, iterations) != nil || general.block(t.Context(), want, salt, 1, iterations) != nil {
				t.Fatal("failed")
			}
			if !bytes.Equal(got, want) {
				t.Fatalf("%s: %x, want %x", name, got, want)
			}
		})
	}
}

func TestWipingLeavesNothing(t *testing.T) {
	for _, factory := range []func() hash.Hash{sha256.New, sha512.New} {
		p := newPRF(factory, []byte("password"))
		if err := p.block(t.Context(), make([]byte, 32), []byte("salt"), 1, 10); err != nil {
			t.Fatal(err)
		}
		p.wipe()
		if len(bytes.Trim(append(p.u, p.t...), "\x00")) != 0 {
			t.Error("digests survive")
		}
		switch l := p.fast.(type) {
		case *sha256Loop:
			if l.inner != (words{}) || l.outer != (words{}) || l.u != (words{}) || l.t != (words{}) {
				t.Error("states survive")
			}
		case *directLoop:
			if len(bytes.Trim(append(l.block, l.state[:cap(l.state)]...), "\x00")) != 0 {
				t.Error("a block or a state survives")
			}
		}
	}
}
