// SPDX-License-Identifier: Apache-2.0

package pbkdf2

import (
	"bytes"
	"crypto/sha256"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

func TestTheLoopInRegistersAgreesWithTheGeneralOne(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		password := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "password")
		salt := rapid.SliceOfN(rapid.Byte(), 0, 100).Draw(t, "salt")
		iterations := rapid.Uint32Range(1, 3*pollEvery).Draw(t, "iterations")
		var got, want [32]byte
		fast, general := newPRF(sha256.New, password), newPRF(sha256.New, password)
		general.sha256 = nil
		if fast.block(t.Context(), got[:], salt, 1, iterations) != nil || general.block(t.Context(), want[:], salt, 1, iterations) != nil {
			t.Fatal("failed")
		}
		if got != want {
			t.Fatalf("%x, want %x", got, want)
		}
	})
}

func TestTheLoopIsForSHA256Only(t *testing.T) {
	for _, name := range hashalg.Names() {
		factory, err := hashalg.Factory(name)
		if err != nil {
			t.Fatal(err)
		}
		p := newPRF(factory, nil)
		if has, may := p.sha256 != nil, name == "sha256" && sha256Iterator() != nil; has != may {
			t.Errorf("%s: loop in registers %v, want %v", name, has, may)
		}
	}
}

func TestWipingLeavesNothing(t *testing.T) {
	p := newPRF(sha256.New, []byte("password"))
	if err := p.block(t.Context(), make([]byte, 32), []byte("salt"), 1, 10); err != nil {
		t.Fatal(err)
	}
	p.wipe()
	if !bytes.Equal(p.u, make([]byte, 32)) || !bytes.Equal(p.t, make([]byte, 32)) {
		t.Error("digests survive")
	}
	if l := p.sha256; l != nil && (l.inner != words{} || l.outer != words{} || l.u != words{} || l.t != words{}) {
		t.Error("states survive")
	}
}
