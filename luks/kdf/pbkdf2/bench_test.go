// SPDX-License-Identifier: Apache-2.0

package pbkdf2

import (
	stdpbkdf2 "crypto/pbkdf2"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// BenchmarkKey compares iterations per second on one core with the standard library's.
func BenchmarkKey(b *testing.B) {
	const iterations = 20000
	password, salt := []byte("correct horse"), make([]byte, 32)
	for _, name := range hashalg.Names() {
		factory, err := hashalg.Factory(name)
		if err != nil {
			b.Fatal(err)
		}
		size := factory().Size()
		out := make([]byte, size)
		b.Run(name+"/ours", func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := Key(b.Context(), out, password, salt, iterations, name); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(iterations*float64(b.N)/b.Elapsed().Seconds(), "iterations/s")
		})
		b.Run(name+"/std", func(b *testing.B) {
			for b.Loop() {
				if _, err := stdpbkdf2.Key(factory, string(password), salt, iterations, size); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(iterations*float64(b.N)/b.Elapsed().Seconds(), "iterations/s")
		})
	}
}
