// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"encoding/binary"
	"hash"
	"runtime"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Algorithm is a hash by its kernel name, with its key where it has one. The key stays the caller's.
type Algorithm struct {
	Name string
	Key  *secret.Buffer
}

// Check tells whether this package can compute the algorithm.
func (a *Algorithm) Check() error {
	if newHash(a.Name, nil) == nil {
		return &FieldError{"integrity", a.Name, "not known"}
	}
	return nil
}

// state makes one state; the hash is known.
func (a *Algorithm) state() hash.Hash {
	var key []byte
	if a.Key != nil {
		key = a.Key.Bytes()
	}
	state := newHash(a.Name, key)()
	runtime.KeepAlive(a.Key)
	return state
}

// tagger computes tags. It is used by one goroutine.
type tagger struct {
	state  hash.Hash
	prefix []byte // salt, if any, and the sector
	sector []byte // the last 8 bytes of it
	digest []byte
	size   int
}

func newTagger(sb *Superblock, a *Algorithm) *tagger {
	t := &tagger{state: a.state(), size: int(sb.TagSize)}
	if sb.Flags&FixHMAC != 0 {
		t.prefix = append(t.prefix, sb.Salt[:]...)
	}
	t.prefix = append(t.prefix, make([]byte, 8)...)
	t.sector = t.prefix[len(t.prefix)-8:]
	return t
}

// tag returns the tag of a block: the hash, cut or filled up with zeros. It is valid until the next call.
func (t *tagger) tag(sector uint64, block []byte) []byte {
	binary.LittleEndian.PutUint64(t.sector, sector)
	t.state.Reset()
	t.state.Write(t.prefix)
	t.state.Write(block)
	t.digest = t.state.Sum(t.digest[:0])
	for len(t.digest) < t.size {
		t.digest = append(t.digest, 0)
	}
	return t.digest[:t.size]
}

// MAC authenticates the journal's sections and the superblock.
type MAC struct{ state hash.Hash }

// NewMAC makes the MAC of a journal. It holds what was derived from the key and is used by one goroutine.
func NewMAC(a *Algorithm) (*MAC, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	return &MAC{a.state()}, nil
}

func (m *MAC) size() int { return m.state.Size() }

func (m *MAC) sum(parts ...[]byte) []byte {
	m.state.Reset()
	for _, p := range parts {
		m.state.Write(p)
	}
	return m.state.Sum(nil)
}

// section is the MAC over the sectors that a section's entries name: 64 bytes.
func (m *MAC) section(l *Layout, number uint32, sectors []byte) []byte {
	var prefix []byte
	if l.Flags&FixHMAC != 0 {
		prefix = binary.LittleEndian.AppendUint64(append(prefix, l.Salt[:]...), uint64(number))
	}
	sum := make([]byte, macPerSector*metadataSectors)
	copy(sum, m.sum(prefix, sectors))
	return sum
}
