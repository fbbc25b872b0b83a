// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/subtle"
	"encoding/binary"
	"runtime"

	"golang.org/x/crypto/chacha20"
)

// sectionCipher encrypts a journal. It is used by one goroutine at a time.
type sectionCipher interface {
	encrypt(section uint32, raw []byte)
	decrypt(section uint32, raw []byte)
	commitIDs(ids *[commitIDs]uint64)
}

// pageSize is the unit to which the key stream of a journal is rounded up, bytes.
const pageSize = 4096

// newSectionCipher knows cbc(aes), ctr(aes) and chacha20.
func newSectionCipher(a *Algorithm, sectionBytes int, sections int64) (sectionCipher, error) {
	if a.Key == nil {
		return nil, &FieldError{"journal encryption", a.Name, "it has a key"}
	}
	defer runtime.KeepAlive(a.Key)
	key := a.Key.Bytes()
	switch a.Name {
	case "cbc(aes)", "ctr(aes)":
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, &FieldError{"journal encryption key", len(key), "AES has keys of 16, 24 or 32 bytes"}
		}
		if a.Name == "cbc(aes)" {
			return &blockJournal{block}, nil
		}
		return &streamJournal{keyStreamAES(block), sectionBytes, sections}, nil
	case "chacha20":
		if len(key) != chacha20.KeySize {
			return nil, &FieldError{"journal encryption key", len(key), "ChaCha20 has keys of 32 bytes"}
		}
		own := append([]byte(nil), key...)
		return &streamJournal{keyStreamChaCha(own), sectionBytes, sections}, nil
	}
	return nil, &FieldError{"journal encryption", a.Name, "not known"}
}

// blockJournal encrypts each section as one message, whose IV is its encrypted number.
type blockJournal struct{ block cipher.Block }

func (b *blockJournal) iv(section uint32) []byte {
	iv := make([]byte, b.block.BlockSize())
	binary.LittleEndian.PutUint32(iv, section)
	b.block.Encrypt(iv, iv)
	return iv
}

func (b *blockJournal) encrypt(section uint32, raw []byte) {
	cipher.NewCBCEncrypter(b.block, b.iv(section)).CryptBlocks(raw, raw)
}

func (b *blockJournal) decrypt(section uint32, raw []byte) {
	cipher.NewCBCDecrypter(b.block, b.iv(section)).CryptBlocks(raw, raw)
}

func (*blockJournal) commitIDs(*[commitIDs]uint64) {}

// streamJournal adds one key stream to the whole journal; behind it, from the next page on, come the commit ids'.
type streamJournal struct {
	stream       func(at int64) cipher.Stream // from a byte on, a multiple of 64
	sectionBytes int
	sections     int64
}

func keyStreamAES(block cipher.Block) func(int64) cipher.Stream {
	return func(at int64) cipher.Stream {
		iv := make([]byte, aes.BlockSize)
		binary.BigEndian.PutUint64(iv[8:], uint64(at/aes.BlockSize))
		return cipher.NewCTR(block, iv)
	}
}

func keyStreamChaCha(key []byte) func(int64) cipher.Stream {
	return func(at int64) cipher.Stream {
		stream, err := chacha20.NewUnauthenticatedCipher(key, make([]byte, chacha20.NonceSize))
		if err != nil {
			panic(err) // only for another length of key or nonce
		}
		stream.SetCounter(uint32(at / 64))
		return stream
	}
}

func (s *streamJournal) encrypt(section uint32, raw []byte) {
	s.stream(int64(section)*int64(s.sectionBytes)).XORKeyStream(raw, raw)
}

func (s *streamJournal) decrypt(section uint32, raw []byte) { s.encrypt(section, raw) }

// commitIDs encrypts the constants, and keeps them apart where two become the same.
func (s *streamJournal) commitIDs(ids *[commitIDs]uint64) {
	at := s.sections * int64(s.sectionBytes)
	stream := make([]byte, 8*commitIDs)
	s.stream((at+pageSize-1)/pageSize*pageSize).XORKeyStream(stream, stream)
	plain := make([]byte, 0, len(stream))
	for _, id := range ids {
		plain = binary.LittleEndian.AppendUint64(plain, id)
	}
	subtle.XORBytes(plain, plain, stream)
	for i := range ids {
		ids[i] = binary.LittleEndian.Uint64(plain[8*i:])
		for again := true; again; {
			again = false
			for _, before := range ids[:i] {
				if before == ids[i] {
					ids[i]++
					again = true
				}
			}
		}
	}
}
