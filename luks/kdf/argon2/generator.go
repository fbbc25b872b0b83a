// SPDX-License-Identifier: Apache-2.0

package argon2

import "encoding/binary"

// generator makes the pseudo-random words of segments with data-independent references: blocks
// G(0, G(0, input)), where the input says which segment it is and counts (RFC 9106, section 3.4.1.2).
type generator struct {
	mix                func(dst, prev, ref *block)
	zero, input, words block
}

func (f *filler) newGenerator(lane uint32) *generator {
	g := &generator{mix: f.engine.mix}
	for i, v := range []uint32{
		f.pass, lane, f.slice, f.matrix.lanes * f.length, f.params.Time, uint32(f.params.Variant),
	} {
		binary.LittleEndian.PutUint64(g.input[8*i:], uint64(v))
	}
	return g
}

// next returns the next block of words, which is valid until the next call.
func (g *generator) next() *block {
	const counter = 6
	binary.LittleEndian.PutUint64(g.input[8*counter:], word(&g.input, counter)+1)
	g.mix(&g.words, &g.zero, &g.input)
	g.mix(&g.words, &g.zero, &g.words)
	return &g.words
}
