// SPDX-License-Identifier: Apache-2.0

package argon2

import (
	"math/rand/v2"
	"testing"
)

func randomBlock(r *rand.ChaCha8) *block {
	b := new(block)
	_, _ = r.Read(b[:])
	return b
}

func TestEveryEngineComputesG(t *testing.T) {
	r := rand.NewChaCha8([32]byte{})
	for _, e := range engines() {
		for range 200 {
			prev, ref, old := randomBlock(r), randomBlock(r), randomBlock(r)
			got, want := *old, *old
			e.mix(&got, prev, ref)
			mixGeneric(&want, prev, ref)
			if got != want {
				t.Fatalf("%s: mix differs", e.name)
			}
			e.mixAdd(&got, ref, old)
			mixAddGeneric(&want, ref, old)
			if got != want {
				t.Fatalf("%s: mixAdd differs", e.name)
			}
		}
	}
}

// The generator of pseudo-random words mixes in place.
func TestMixMayOverwriteItsInput(t *testing.T) {
	r := rand.NewChaCha8([32]byte{1})
	for _, e := range engines() {
		a, b := randomBlock(r), randomBlock(r)
		var want block
		mixGeneric(&want, a, b)
		first, second := *a, *b
		e.mix(&first, &first, b)
		e.mix(&second, a, &second)
		if first != want || second != want {
			t.Errorf("%s: in place differs", e.name)
		}
	}
}

func BenchmarkMix(b *testing.B) {
	var blocks [4]block
	for _, e := range engines() {
		b.Run(e.name, func(b *testing.B) {
			b.SetBytes(blockSize)
			for i := 0; b.Loop(); i++ {
				e.mixAdd(&blocks[i%4], &blocks[(i+1)%4], &blocks[(i+2)%4])
			}
		})
	}
}
