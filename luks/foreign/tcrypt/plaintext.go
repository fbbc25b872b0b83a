// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"crypto/subtle"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/foreign/span"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Plaintext reads the data in user space, on image files and in memory alike: what the mapping would show. It is an
// io.ReaderAt that several goroutines may use.
type Plaintext struct {
	span.Reader
	ciphers []*sector.Cipher // the innermost first
	seeds   *secret.Buffer   // of CBC: for vectors a block, then for whitening 16 bytes; else nil
}

// Plaintext takes copies of the keys. Errors: ErrMode, those of package sector.
func (v *Volume) Plaintext(dev io.ReaderAt, s Segment) (p *Plaintext, err error) {
	if v.Chain.Mode == modeCBCI || v.Chain.Mode == modeEach {
		return nil, ErrMode
	}
	p = &Plaintext{Reader: span.Reader{Device: dev, Segment: s}}
	p.Decrypt = p.decrypt
	mode := v.Chain.Mode
	if mode == modeCBC {
		mode = "cbc-plain64"
		_, size := sizes(v.Chain.Ciphers)
		if p.seeds, err = secret.Copy(v.keys.Bytes()[:size+blockSize]); err != nil {
			return nil, err
		}
	}
	list := v.Chain.List()
	for i := len(list) - 1; i >= 0; i-- {
		one, err := v.Chain.cipher(v.keys.Bytes(), i, list[i]+"-"+mode)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.ciphers = append(p.ciphers, one)
	}
	return p, nil
}

// Close wipes the round keys. The device stays open.
func (p *Plaintext) Close() error {
	for _, c := range p.ciphers {
		c.Close()
	}
	return p.seeds.Close()
}

// decrypt decrypts whole sectors, the first of which has that number.
func (p *Plaintext) decrypt(buf []byte, number uint64) error {
	if p.seeds != nil {
		whiten(buf, number, p.seeds.Bytes()[p.seeds.Len()-blockSize:])
	}
	for _, c := range p.ciphers {
		if err := c.Decrypt(buf, buf, number); err != nil {
			return err
		}
	}
	if p.seeds != nil {
		seedVectors(buf, number, p.seeds.Bytes()[:p.seeds.Len()-blockSize])
	}
	return nil
}

// seedVectors adds to the first block of each sector what its vector has beside the number that the cipher took: the
// seed, and the number in the second half too, where there is one.
func seedVectors(buf []byte, number uint64, seed []byte) {
	for ; len(buf) > 0; buf, number = buf[unit:], number+1 {
		subtle.XORBytes(buf, buf, seed)
		if len(seed) < blockSize {
			continue
		}
		half := buf[8:16]
		binary.LittleEndian.PutUint64(half, binary.LittleEndian.Uint64(half)^number)
	}
}

// whiten adds eight bytes to all others of each sector: of the seed and the number, twice, each four bytes become their
// CRC-32 without inversion, and the first two are added to the last two, crosswise.
func whiten(buf []byte, number uint64, seed []byte) {
	for ; len(buf) > 0; buf, number = buf[unit:], number+1 {
		var words [4]uint32
		for i := range words {
			half := binary.LittleEndian.Uint64(seed[i/2*8:]) ^ number
			words[i] = bareCRC(uint32(half >> (i % 2 * 32)))
		}
		mask := uint64(words[0]^words[3]) | uint64(words[1]^words[2])<<32
		for at := 0; at < unit; at += 8 {
			binary.LittleEndian.PutUint64(buf[at:], binary.LittleEndian.Uint64(buf[at:])^mask)
		}
	}
}

// bareCRC is the CRC-32 of a little-endian word, from zero and without inversion.
func bareCRC(word uint32) uint32 {
	for range 4 {
		word = crc32.IEEETable[byte(word)] ^ word>>8
	}
	return word
}
