// SPDX-License-Identifier: Apache-2.0

package verity

// suspect is a column of a round that may be bad, and what is known of it.
type suspect struct {
	column  int
	layer   int
	block   uint64
	covered bool // a proven digest tells whether the block is right
	bad     bool // it is known to be wrong, or cannot be read
	guess   bool // a hash block that differs from a digest that is not proven itself
	content []byte
}

// round is the work on one round of codewords: byte i of the blocks round, round+rounds, round+2·rounds, ...
type round struct {
	*mending
	number    uint64
	hash      *hasher
	suspects  []*suspect
	syndromes [][]byte
}

// mostRounds are worked on at once: their columns lie beside each other, and are read as one. Where all blocks are bad
// they are kept, 1 MiB for each round and worker.
const mostRounds = 4

// rounds computes the bad blocks of n rounds from one on, and returns those whose hash is right. It tries in turn what
// the code can do with the known places of the errors and without, and begins again with what it has proven.
func (m *mending) rounds(first, n uint64) (mended []mendedBlock) {
	h := newHasher(&m.im.Params)
	list := make([]*round, n)
	for i := range list {
		list[i] = &round{mending: m, number: first + uint64(i), hash: h}
	}
	m.load(list)
	for _, r := range list {
		if !r.loadParity() {
			continue
		}
		for proven := r.try(); len(proven) > 0; proven = r.try() {
			mended = append(mended, proven...)
		}
	}
	return mended
}

// load reads the columns of adjacent rounds, folds them into the syndromes, and keeps those that hashes can judge and
// that are bad or not proven.
func (m *mending) load(list []*round) {
	size, roots := int(m.im.DataBlockSize), m.code.Roots()
	for _, r := range list {
		r.syndromes = split(make([]byte, roots*size), roots, int64(size))
	}
	columns := make([]byte, size*len(list))
	for j := range m.code.MessageColumns() {
		at := uint64(j)*m.layout.Rounds + list[0].number
		_, err := m.message.read(columns, int64(at)*int64(size))
		for i, r := range list {
			column, failed := columns[i*size:][:size], err
			if failed != nil {
				if _, failed = m.message.read(column, int64(at+uint64(i))*int64(size)); failed != nil {
					clear(column)
				}
			}
			m.code.Fold(r.syndromes, column)
			if number := at + uint64(i); number < m.layout.Blocks {
				r.look(j, number, column, failed != nil)
			}
		}
	}
}

// loadParity folds in the parity, which has to be readable.
func (r *round) loadParity() bool {
	size, roots := int(r.im.DataBlockSize), r.code.Roots()
	raw := make([]byte, size*roots)
	at := r.im.FEC.Offset + int64(r.number)*int64(len(raw))
	if readFull(r.im.FEC.Device, raw, at) != nil {
		return false
	}
	parity := split(make([]byte, len(raw)), roots, int64(size))
	separate(parity, raw)
	for _, column := range parity {
		r.code.Fold(r.syndromes, column)
	}
	return true
}

func (r *round) look(column int, number uint64, content []byte, unreadable bool) {
	layer, block, hashed := r.whose(number)
	s := &suspect{column: column, layer: layer, block: block, bad: unreadable}
	s.covered = hashed && r.left.Proven(layer-1, block)
	if s.covered && r.left.set(layer).Has(block) {
		s.bad = true
	}
	s.guess = layer > 0 && !s.covered && r.left.set(layer).Has(block)
	if s.bad || hashed && !s.covered {
		s.content = append([]byte(nil), content...)
		r.suspects = append(r.suspects, s)
	}
}

// try does one attempt after the other until a block is proven.
func (r *round) try() []mendedBlock {
	for _, guess := range []bool{false, true} {
		if bad := r.columns(guess); len(bad) > 0 && len(bad) <= r.code.Roots() {
			if proven := r.prove(r.erase(bad)); len(proven) > 0 {
				return proven
			}
		}
	}
	return r.prove(r.decode())
}

// columns are those known to be bad, and where asked for the guessed ones.
func (r *round) columns(guess bool) []int {
	var bad []int
	for _, s := range r.suspects {
		if s.bad || guess && s.guess {
			bad = append(bad, s.column)
		}
	}
	return bad
}

// changes are what to add to the columns of a round.
type changes map[int][]byte

func (c changes) at(column, size int) []byte {
	if c[column] == nil {
		c[column] = make([]byte, size)
	}
	return c[column]
}

// erase computes the bad columns from all others, and decodes the codewords where others are wrong too.
func (r *round) erase(bad []int) changes {
	e, err := r.code.Eraser(bad)
	if err != nil {
		return nil
	}
	size := len(r.syndromes[0])
	rest := split(make([]byte, size*len(r.syndromes)), len(r.syndromes), int64(size))
	for t := range rest {
		copy(rest[t], r.syndromes[t])
	}
	c := changes{}
	rows := make([][]byte, len(bad))
	for i, column := range bad {
		rows[i] = c.at(column, size)
	}
	e.Corrections(rows, rest)
	if len(bad) < len(rest) {
		for i := range dirty(rest[len(bad):]) {
			for _, row := range rows {
				row[i] = 0
			}
			r.correct(c, i, bad)
		}
	}
	return c
}

// decode computes every codeword on its own, without places.
func (r *round) decode() changes {
	c := changes{}
	for i := range dirty(r.syndromes) {
		r.correct(c, i, nil)
	}
	return c
}

// correct decodes one codeword: with the erased columns, or without them where that is too much for the code.
func (r *round) correct(c changes, i int, erased []int) {
	syndromes := make([]byte, len(r.syndromes))
	for t := range syndromes {
		syndromes[t] = r.syndromes[t][i]
	}
	used := r.layout.used(r.number)
	wrong, ok := r.code.Correct(syndromes, erased, used)
	if !ok && len(erased) > 0 {
		wrong, ok = r.code.Correct(syndromes, nil, used)
	}
	if !ok {
		return
	}
	for _, w := range wrong {
		c.at(w.Column, len(r.syndromes[0]))[i] = w.By
	}
}

// prove hashes the changed suspects. Those that are right are no suspects any more, and the syndromes are what they
// would be had the blocks been right from the beginning.
func (r *round) prove(c changes) []mendedBlock {
	var proven []mendedBlock
	var others []*suspect
	for _, s := range r.suspects {
		content := s.with(c[s.column])
		if !s.covered || c[s.column] == nil || !r.isRight(r.hash, s.layer, s.block, content) {
			others = append(others, s)
			continue
		}
		proven = append(proven, mendedBlock{s.layer, s.block, content})
		r.code.Shift(r.syndromes, c[s.column], s.column)
	}
	r.suspects = others
	return proven
}

// with returns the content with a change.
func (s *suspect) with(change []byte) []byte {
	content := append([]byte(nil), s.content...)
	for i, b := range change {
		content[i] ^= b
	}
	return content
}
