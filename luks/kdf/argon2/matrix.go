// SPDX-License-Identifier: Apache-2.0

package argon2

import "crypto/subtle"

const blockSize = 1024 // bytes

// block is the unit of Argon2's memory: an 8 by 8 matrix of 16-byte cells, which the round function
// takes by rows and by columns, each cell two little-endian words.
type block [blockSize]byte

// matrix is the memory, a row of blocks for each lane.
type matrix struct {
	params *Params
	engine engine
	memory []byte // lanes*length blocks

	lanes   uint32
	length  uint32 // of a lane, in blocks
	segment uint32 // a quarter of length
}

func newMatrix(p *Params) *matrix {
	m := &matrix{params: p, engine: best(), lanes: p.Lanes}
	if p.engine != nil {
		m.engine = *p.engine
	}
	m.segment = p.Memory / (slices * p.Lanes)
	m.length = slices * m.segment
	return m
}

// bytes returns the size of the memory.
func (m *matrix) bytes() uint64 { return uint64(m.lanes) * uint64(m.length) * blockSize }

func (m *matrix) at(lane, column uint32) *block {
	offset := (uint64(lane)*uint64(m.length) + uint64(column)) * blockSize
	return (*block)(m.memory[offset : offset+blockSize])
}

// start fills the first two blocks of every lane from the initial hash, and wipes that.
func (m *matrix) start(h0 *[prehashSize + 8]byte) {
	defer clear(h0[:])
	for lane := range m.lanes {
		for column := range uint32(2) {
			putUint32s(h0[prehashSize:], column, lane)
			longHash(m.at(lane, column)[:], h0[:])
		}
	}
}

// finish hashes the last column into out.
func (m *matrix) finish(out []byte) {
	last := m.at(0, m.length-1)
	for lane := uint32(1); lane < m.lanes; lane++ {
		subtle.XORBytes(last[:], last[:], m.at(lane, m.length-1)[:])
	}
	longHash(out, last[:])
}
