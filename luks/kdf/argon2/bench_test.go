// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"fmt"
	"testing"
)

// BenchmarkArgon2id compares with the implementation in x/crypto; run with -benchtime 1x.
func BenchmarkArgon2id(b *testing.B) {
	password, salt, key := []byte("password"), make([]byte, 32), make([]byte, 64)
	for _, mib := range []uint32{1, 64, 1024} {
		for _, lanes := range []uint32{1, 2, 4} {
			p := Params{Variant: ID, Time: 4, Memory: mib << 10, Lanes: lanes}
			b.Run(fmt.Sprintf("%dMiB/%dlanes/ours", mib, lanes), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					if err := Key(b.Context(), key, password, salt, p); err != nil {
						b.Fatal(err)
					}
				}
			})
			b.Run(fmt.Sprintf("%dMiB/%dlanes/xcrypto", mib, lanes), func(b *testing.B) {
				for b.Loop() {
					peer(password, salt, p, len(key))
				}
			})
		}
	}
}

// BenchmarkEngines compares the engines where memory matters.
func BenchmarkEngines(b *testing.B) {
	for _, e := range engines() {
		for _, lanes := range []uint32{1, 2, 4} {
			b.Run(fmt.Sprintf("%s/%dlanes", e.name, lanes), func(b *testing.B) {
				p := Params{Variant: ID, Time: 4, Memory: 256 << 10, Lanes: lanes, engine: &e}
				for b.Loop() {
					if err := Key(b.Context(), make([]byte, 64), nil, make([]byte, 32), p); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
