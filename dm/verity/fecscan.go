// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"context"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/parallel"
	"github.com/orthrus-luks/orthrus/dm/verity/rs"
)

// strips cuts the codewords into runs whose sums fit into a processor's cache: codewords first..first+n.
type strips struct {
	code      *rs.Code
	message   *message
	codewords int64
	width     int64 // codewords of a strip
}

// stripMemory is for the sums of a strip and one column, bytes.
const stripMemory = 512 << 10

func newStrips(im *Image, l *Layout) (*strips, error) {
	code, err := rs.New(im.FEC.Roots)
	if err != nil {
		return nil, err
	}
	s := &strips{code: code, message: im.message(l), codewords: int64(l.Rounds) * int64(im.DataBlockSize)}
	s.width = max(4096, stripMemory/int64(code.Roots()+2)&^4095)
	return s, nil
}

func (s *strips) count() uint64 { return uint64((s.codewords + s.width - 1) / s.width) }

func (s *strips) span(strip uint64) (first, n int64) {
	first = int64(strip) * s.width
	return first, min(s.width, s.codewords-first)
}

// fold computes the sums over the message columns of the codewords from first on; sums has a slice for each root, all
// as long as column.
func (s *strips) fold(sums [][]byte, column []byte, first int64) error {
	for _, sum := range sums {
		clear(sum)
	}
	skipped := 0 // columns of zeros that the sums do not know of yet
	empty := true
	for j := range s.code.MessageColumns() {
		zeros, err := s.message.read(column, int64(j)*s.codewords+first)
		if err != nil {
			return err
		}
		if zeros {
			skipped++
			continue
		}
		if skipped > 0 && !empty {
			s.code.FoldZeros(sums, skipped)
		}
		skipped, empty = 0, false
		s.code.Fold(sums, column)
	}
	if skipped > 0 && !empty {
		s.code.FoldZeros(sums, skipped)
	}
	return nil
}

// split returns n slices of the buffer, each of size bytes.
func split(buffer []byte, n int, size int64) [][]byte {
	rows := make([][]byte, n)
	for i := range rows {
		rows[i] = buffer[int64(i)*size:][:size]
	}
	return rows
}

// EncodeFEC computes the parity of data and tree, which is to be there already, and writes it to fec at FEC.Offset.
// It syncs nothing.
func (im *Image) EncodeFEC(ctx context.Context, fec io.WriterAt) error {
	l, err := im.Layout()
	if err != nil {
		return err
	}
	s, err := newStrips(im, l)
	if err != nil {
		return err
	}
	progress := &parallel.Meter{Tell: im.Progress}
	return parallel.Do(ctx, im.Workers, s.count(), func() func(uint64) error {
		roots := s.code.Roots()
		buffer := make([]byte, int64(roots)*s.width)
		folded := make([]byte, int64(roots)*s.width)
		column := make([]byte, s.width)
		return func(strip uint64) error {
			first, n := s.span(strip)
			sums := split(folded, roots, n)
			if err := s.fold(sums, column[:n], first); err != nil {
				return err
			}
			parity := split(buffer, roots, n)
			s.code.Parity(parity, sums)
			bytes := folded[:int64(roots)*n]
			interleave(bytes, parity)
			at := im.FEC.Offset + first*int64(roots)
			if _, err := fec.WriteAt(bytes, at); err != nil {
				return fmt.Errorf("verity: writing %d bytes of parity at byte %d: %w", len(bytes), at, err)
			}
			progress.Add(int(n) * s.code.MessageColumns())
			return nil
		}
	})
}

// interleave puts the parity bytes of each codeword side by side.
func interleave(out []byte, columns [][]byte) {
	roots := len(columns)
	for i, column := range columns {
		for j, b := range column {
			out[j*roots+i] = b
		}
	}
}

// separate undoes interleave.
func separate(columns [][]byte, in []byte) {
	roots := len(columns)
	for i, column := range columns {
		for j := range column {
			column[j] = in[j*roots+i]
		}
	}
}

// Parity is what the parity says about an image on its own, without any hash. It proves nothing: whoever can write
// data can write parity.
type Parity struct {
	Wrong      uint64 // bytes, of data, tree, what lies behind the tree and parity, that the code would change
	Hopeless   uint64 // codewords with more errors than the code can find
	FirstRound uint64 // the round of the first hopeless codeword
}

// CheckFEC compares data and tree with the parity. Nothing is written.
func (im *Image) CheckFEC(ctx context.Context) (*Parity, error) {
	l, err := im.Layout()
	if err != nil {
		return nil, err
	}
	s, err := newStrips(im, l)
	if err != nil {
		return nil, err
	}
	found := &parityCheck{}
	progress := &parallel.Meter{Tell: im.Progress}
	err = parallel.Do(ctx, im.Workers, s.count(), func() func(uint64) error {
		w := newSyndromes(im, l, s)
		return func(strip uint64) error {
			first, n := s.span(strip)
			syndromes, err := w.compute(first, n)
			if err != nil {
				return err
			}
			found.judge(w, syndromes, first)
			progress.Add(int(n) * s.code.MessageColumns())
			return nil
		}
	})
	return &found.Parity, err
}
