// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"encoding/binary"
	"sync"
)

// syndromes computes those of strips of codewords; each goroutine has its own.
type syndromes struct {
	*strips
	im     *Image
	layout *Layout

	folded, column, raw, parity []byte
}

func newSyndromes(im *Image, l *Layout, s *strips) *syndromes {
	roots := int64(s.code.Roots())
	return &syndromes{
		strips: s, im: im, layout: l,
		folded: make([]byte, roots*s.width), column: make([]byte, s.width),
		raw: make([]byte, roots*s.width), parity: make([]byte, roots*s.width),
	}
}

// compute returns the syndromes of n codewords, one slice for each root, which the next call overwrites.
func (w *syndromes) compute(first, n int64) ([][]byte, error) {
	roots := w.code.Roots()
	sums := split(w.folded, roots, n)
	if err := w.fold(sums, w.column[:n], first); err != nil {
		return nil, err
	}
	raw := w.raw[:int64(roots)*n]
	at := w.im.FEC.Offset + first*int64(roots)
	if err := readFull(w.im.FEC.Device, raw, at); err != nil {
		return nil, &readError{"FEC", at, len(raw), err}
	}
	parity := split(w.parity, roots, n)
	separate(parity, raw)
	for _, column := range parity {
		w.code.Fold(sums, column)
	}
	return sums, nil
}

// used is how many message columns a round has; the ones behind them hold zeros by definition.
func (l *Layout) used(round uint64) int { return int((l.Blocks - round + l.Rounds - 1) / l.Rounds) }

// parityCheck collects what CheckFEC finds.
type parityCheck struct {
	mu sync.Mutex
	Parity
}

// judge decodes the codewords whose syndromes are not all zero.
func (c *parityCheck) judge(w *syndromes, syndromes [][]byte, first int64) {
	one := make([]byte, w.code.Roots())
	for i := range dirty(syndromes) {
		for t := range one {
			one[t] = syndromes[t][i]
		}
		round := uint64(first+int64(i)) / uint64(w.im.DataBlockSize)
		wrong, ok := w.code.Correct(one, nil, w.layout.used(round))
		c.add(len(wrong), ok, round)
	}
}

func (c *parityCheck) add(wrong int, ok bool, round uint64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if ok {
		c.Wrong += uint64(wrong)
		return
	}
	if c.Hopeless == 0 || round < c.FirstRound {
		c.FirstRound = round
	}
	c.Hopeless++
}

// dirty yields the codewords of which a syndrome is not 0.
func dirty(syndromes [][]byte) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		size := len(syndromes[0])
		for i := 0; i < size; {
			if i%8 == 0 && i+8 <= size && cleanWord(syndromes, i) {
				i += 8
				continue
			}
			if !cleanByte(syndromes, i) && !yield(i) {
				return
			}
			i++
		}
	}
}

func cleanWord(syndromes [][]byte, i int) bool {
	v := uint64(0)
	for _, s := range syndromes {
		v |= binary.LittleEndian.Uint64(s[i:])
	}
	return v == 0
}

func cleanByte(syndromes [][]byte, i int) bool {
	for _, s := range syndromes {
		if s[i] != 0 {
			return false
		}
	}
	return true
}
