// SPDX-License-Identifier: Apache-2.0

package authentic

import (
	"context"
	"errors"
	"io"
	"strings"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// ErrNoReader: the cipher is computed by the kernel alone.
var ErrNoReader = errors.New("authenticated sectors of this cipher are only read through a mapping")

// Reader reads authenticated sectors, each with its tag, and what the journal has newer. A sector that is not what was
// written is an *integrity.CorruptError.
type Reader struct {
	_ [0]func() // it is never compared, and no code is made for that
	*integrity.Layout
	dev     io.ReaderAt
	mu      sync.Mutex
	journal *integrity.Replay
	judge   *judge
	cipher  *sector.Cipher // nil where judging a sector decrypts it
}

// NewReader reads the superblock, offset bytes from the start of a device of size bytes, and the journal. Errors:
// ErrNoReader for ciphers that only the kernel reads, of kind ErrScheme, and those of package integrity.
func NewReader(dev io.ReaderAt, s *Scheme, key []byte, sectorSize int, offset, size uint64) (*Reader, error) {
	v, err := NewVolume(context.Background(), dev, s, key, sectorSize, offset, size)
	if err != nil {
		return nil, err
	}
	t := &Reader{Layout: v.Layout, dev: dev, journal: v.Journal, judge: s.newJudge(key)}
	switch {
	case t.judge.aead != nil:
	case !strings.HasSuffix(s.Cipher, "-xts-plain64"):
		return nil, ErrNoReader
	default:
		t.cipher, err = sector.New(s.Cipher, key[:len(key)-s.MACKey], sectorSize)
	}
	return t, err
}

// NewVolume is the layer of tags as NewReader finds it, to Verify. It takes more ciphers: what authenticates a sector
// need not decrypt it. The key stays the caller's, and is needed until then.
func NewVolume(
	ctx context.Context, dev io.ReaderAt, s *Scheme, key []byte, sectorSize int, offset, size uint64,
) (*integrity.Volume, error) {
	err := s.CheckKey(len(key))
	if err == nil && s.newJudge(key) == nil {
		err = ErrNoReader
	}
	v := &integrity.Volume{Data: dev, Meta: dev}
	var sb *integrity.Superblock
	if err == nil {
		sb, err = integrity.ReadSuperblock(dev, offset/512)
	}
	if err == nil {
		v.Layout, err = sb.Layout(offset / 512)
	}
	if err == nil {
		err = v.CheckSize(size/512, size/512)
	}
	if err == nil {
		err = s.CheckTags(v.Layout, sectorSize)
	}
	if err == nil {
		v.Journal, err = v.ReadJournal(ctx, dev, integrity.JournalKeys{}, nil)
	}
	if err != nil {
		return nil, err
	}
	v.Judge = func() func(uint64, []byte, []byte) bool {
		j := s.newJudge(key)
		return func(number uint64, data, tag []byte) bool { return j.open(number, data, tag) != nil }
	}
	return v, nil
}

// Size is the length of the data, bytes.
func (t *Reader) Size() int64 { return int64(t.ProvidedSectors) * 512 }

// Close wipes the round keys.
func (t *Reader) Close() {
	if t.cipher != nil {
		t.cipher.Close()
	}
}

// ReadAt reads sector by sector what lies within the data.
func (t *Reader) ReadAt(b []byte, off int64) (n int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	size := int64(t.BlockSize())
	data, tag := make([]byte, size), make([]byte, t.TagSize)
	for n < len(b) {
		at := off + int64(n)
		first := extent.Down(at, size)
		number := uint64(first) / 512
		if err := t.ReadBlock(t.dev, t.journal, number, data, tag); err != nil {
			return n, err
		}
		plain := t.judge.open(number, data, tag)
		if plain == nil {
			return n, &integrity.CorruptError{Sector: number}
		}
		if t.cipher != nil {
			if err := t.cipher.Decrypt(plain, plain, number); err != nil {
				return n, err
			}
		}
		n += copy(b[n:], plain[at-first:])
	}
	return n, nil
}
