// SPDX-License-Identifier: Apache-2.0

package kdf

import (
	"encoding/hex"
	"errors"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

func TestDeriveGivesKnownKeys(t *testing.T) {
	salt := []byte("somesalt")
	for _, v := range []struct { // argon2: vectors of the reference implementation, version 0x13
		params Params
		want   string
	}{
		{Params{Type: PBKDF2, Hash: "sha1", Iterations: 4096, Salt: []byte("salt")}, "4b007901b765489abead49d926f721d065a429c1"},
		{Params{Type: Argon2i, Time: 2, Memory: 256, CPUs: 1, Salt: salt}, "89e9029f4637b295beb027056a7336c414fadd43f6b208645281cb214a56452f"},
		{Params{Type: Argon2i, Time: 2, Memory: 256, CPUs: 2, Salt: salt}, "4ff5ce2769a1d7f4c8a491df09d41a9fbe90e5eb02155a13e4c01e20cd4eab61"},
		{Params{Type: Argon2id, Time: 2, Memory: 256, CPUs: 1, Salt: salt}, "9dfeb910e80bad0311fee20f9c0e2b12c17987b4cac90c2ef54d5b3021c68bfe"},
		{Params{Type: Argon2id, Time: 2, Memory: 256, CPUs: 2, Salt: salt}, "6d093c501fd5999645e0ea3bf620d7b8be7fd2db59c20d9fff9539da2bf57037"},
	} {
		got := make([]byte, len(v.want)/2)
		if err := v.params.Derive(t.Context(), got, []byte("password")); err != nil {
			t.Fatal(err)
		}
		if hex.EncodeToString(got) != v.want {
			t.Errorf("%+v: %x, want %s", v.params, got, v.want)
		}
	}
}

func TestUndefinedParametersAreRefused(t *testing.T) {
	salt := make([]byte, 32)
	for _, v := range []struct {
		params Params
		want   error
	}{
		{Params{}, ErrType},
		{Params{Type: "scrypt"}, ErrType},
		{Params{Type: PBKDF2, Hash: "nope", Iterations: 1}, hashalg.ErrUnknown},
		{Params{Type: PBKDF2, Hash: "sha1"}, ErrParams},
		{Params{Type: Argon2i, Time: 0, Memory: 64, CPUs: 1, Salt: salt}, ErrParams},
		{Params{Type: Argon2i, Time: 4, Memory: 7, CPUs: 1, Salt: salt}, ErrParams},
		{Params{Type: Argon2id, Time: 4, Memory: 31, CPUs: 4, Salt: salt}, ErrParams},
		{Params{Type: Argon2id, Time: 4, Memory: 64, CPUs: 0, Salt: salt}, ErrParams},
		{Params{Type: Argon2id, Time: 4, Memory: 1 << 31, CPUs: 1 << 24, Salt: salt}, ErrParams},
		{Params{Type: Argon2id, Time: 4, Memory: 64, CPUs: 1, Salt: salt[:7]}, ErrParams},
	} {
		out := []byte{1, 2}
		if err := v.params.Derive(t.Context(), out, nil); !errors.Is(err, v.want) || out[0]|out[1] != 0 {
			t.Errorf("%+v: %v, %v", v.params, err, out)
		}
	}
}
