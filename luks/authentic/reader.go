// SPDX-License-Identifier: Apache-2.0

package authentic

import (
	"context"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"errors"
	"hash"
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
	scheme  *Scheme
	aead    cipher.AEAD    // of the sectors, or
	mac     hash.Hash      // of the sectors, which then
	cipher  *sector.Cipher // are decrypted by
}

// NewReader reads the superblock, offset bytes from the start of a device of size bytes, and the journal. Errors:
// ErrNoReader for ciphers that only the kernel reads, of kind ErrScheme, and those of package integrity.
func NewReader(dev io.ReaderAt, s *Scheme, key []byte, sectorSize int, offset, size uint64) (*Reader, error) {
	t := &Reader{dev: dev, scheme: s}
	err := s.CheckKey(len(key))
	if err == nil {
		err = t.setKey(key, sectorSize)
	}
	var sb *integrity.Superblock
	if err == nil {
		sb, err = integrity.ReadSuperblock(dev, offset/512)
	}
	if err == nil {
		t.Layout, err = sb.Layout(offset / 512)
	}
	if err == nil {
		err = t.CheckSize(size/512, size/512)
	}
	if err == nil {
		err = s.CheckTags(t.Layout, sectorSize)
	}
	if err == nil {
		t.journal, err = t.ReadJournal(context.Background(), dev, integrity.JournalKeys{}, nil)
	}
	return t, err
}

// setKey makes what opens a sector.
func (t *Reader) setKey(key []byte, sectorSize int) (err error) {
	s := t.scheme
	bare := strings.HasSuffix(s.Cipher, "-xts-plain64")
	switch {
	case strings.HasPrefix(s.Cipher, "aes-gcm-"):
		block, err := aes.NewCipher(key)
		if err == nil {
			t.aead, err = cipher.NewGCM(block)
		}
		return err
	case bare && s.Type == "hmac(sha256)":
		t.mac = hmac.New(sha256.New, key[len(key)-s.MACKey:])
	case bare && s.Type == "hmac(sha512)":
		t.mac = hmac.New(sha512.New, key[len(key)-s.MACKey:])
	default:
		return ErrNoReader
	}
	t.cipher, err = sector.New(s.Cipher, key[:len(key)-s.MACKey], sectorSize)
	return err
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
	data, tag := make([]byte, size, size+int64(t.TagSize)), make([]byte, t.TagSize)
	for n < len(b) {
		at := off + int64(n)
		first := extent.Down(at, size)
		if err := t.ReadBlock(t.dev, t.journal, uint64(first)/512, data, tag); err != nil {
			return n, err
		}
		if err := t.openSector(data, tag, uint64(first)/512); err != nil {
			return n, err
		}
		n += copy(b[n:], data[at-first:])
	}
	return n, nil
}

// openSector decrypts in place. data has room for the tag behind it.
func (t *Reader) openSector(data, tag []byte, number uint64) error {
	var nonce [16]byte
	binary.LittleEndian.PutUint64(nonce[:], number)
	iv := nonce[:]
	if t.aead != nil {
		iv = iv[:t.aead.NonceSize()]
	}
	if t.scheme.IV > 0 {
		iv = tag[t.scheme.Auth:]
	}
	head := append(binary.LittleEndian.AppendUint64(nil, number), iv...)
	if t.aead != nil {
		if _, err := t.aead.Open(data[:0], iv, append(data, tag[:t.scheme.Auth]...), head); err != nil {
			return &integrity.CorruptError{Sector: number}
		}
		return nil
	}
	t.mac.Reset()
	t.mac.Write(head)
	t.mac.Write(data)
	if !hmac.Equal(t.mac.Sum(nil), tag) {
		return &integrity.CorruptError{Sector: number}
	}
	return t.cipher.Decrypt(data, data, number)
}
