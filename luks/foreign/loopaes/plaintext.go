// SPDX-License-Identifier: Apache-2.0

package loopaes

import (
	"crypto/md5"
	"crypto/subtle"
	"encoding"
	"encoding/binary"
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/foreign/span"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Plaintext reads the data in user space, on image files and in memory alike: what the mapping would show. It is an
// io.ReaderAt that several goroutines may use.
type Plaintext struct {
	span.Reader
	ciphers []*sector.Cipher // one for each key; of several the first 64
	seed    *secret.Buffer   // of version 3: a block of MD5; else nil
}

const blockSize = 16 // of the ciphers

// Plaintext takes copies of the keys. Errors are those of package sector.
func (k *Keys) Plaintext(dev io.ReaderAt, base string, s span.Segment) (p *Plaintext, err error) {
	p = &Plaintext{Reader: span.Reader{Device: dev, Segment: s}}
	p.Decrypt = p.decryptAll
	spec := k.Cipher(base)
	if k.Count() > 1 {
		spec = base + "-cbc-null"
	}
	for i := range min(k.Count(), keyCount) {
		c, err := sector.New(spec, k.key(i), span.Unit)
		if err != nil {
			return nil, errors.Join(err, p.Close())
		}
		p.ciphers = append(p.ciphers, c)
	}
	if k.Count() == maxLines {
		if p.seed, err = secret.New(md5.BlockSize); err != nil {
			return nil, errors.Join(err, p.Close())
		}
		copy(p.seed.Bytes()[:blockSize], k.key(keyCount))
	}
	return p, nil
}

func (k *Keys) key(i int) []byte { return k.Bytes()[i*k.Size:][:k.Size] }

// Close wipes the keys. The device stays open.
func (p *Plaintext) Close() error {
	for _, c := range p.ciphers {
		c.Close()
	}
	return p.seed.Close()
}

// decryptAll decrypts whole sectors, the first of which has that number.
func (p *Plaintext) decryptAll(buf []byte, number uint64) error {
	for ; len(buf) > 0; buf, number = buf[span.Unit:], number+1 {
		if err := p.decrypt(buf[:span.Unit], number); err != nil {
			return err
		}
	}
	return nil
}

// decrypt decrypts the sector of that number.
func (p *Plaintext) decrypt(data []byte, number uint64) error {
	c := p.ciphers[number%uint64(len(p.ciphers))]
	if err := c.Decrypt(data, data, number); err != nil || len(p.ciphers) == 1 {
		return err
	}
	iv, err := p.vector(data, number)
	subtle.XORBytes(data, data, iv[:])
	return err
}

// vector is that of a sector, of which all but the first block is plain.
func (p *Plaintext) vector(plain []byte, number uint64) (iv [blockSize]byte, err error) {
	h := md5.New()
	defer hashalg.Wipe(h)
	if p.seed != nil {
		h.Write(p.seed.Bytes())
	}
	h.Write(plain[blockSize:])
	var last [blockSize]byte
	le := binary.LittleEndian
	le.PutUint32(last[:], uint32(number))
	le.PutUint32(last[4:], uint32(number>>32)&0xffffff|1<<31)
	le.PutUint32(last[8:], 4024)
	h.Write(last[:])
	// The state, four bytes behind the beginning, is written big-endian.
	state, err := h.(encoding.BinaryAppender).AppendBinary(nil)
	if err != nil {
		return iv, err
	}
	defer secret.Wipe(state)
	for at := 0; at < blockSize; at += 4 {
		le.PutUint32(iv[at:], binary.BigEndian.Uint32(state[4+at:]))
	}
	return iv, nil
}
