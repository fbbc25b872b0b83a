// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Plaintext reads the data in user space, on image files and in memory alike: what the mapping would show. It is an
// io.ReaderAt that several goroutines may use.
type Plaintext struct {
	dev        io.ReaderAt
	pieces     []Piece
	size       int64  // bytes
	sectorSize uint64 // bytes
	cipher     *sector.Cipher
	elephant   *elephant // nil for none
}

// Plaintext takes the volume's key, which stays the caller's. Errors are those of Openable and of package sector.
func (v *Volume) Plaintext(dev io.ReaderAt, key *Key) (*Plaintext, error) {
	if err := v.Openable(); err != nil {
		return nil, err
	}
	row, _ := v.Method.row()
	p := &Plaintext{
		dev: dev, pieces: v.Pieces(), size: int64(v.length()), sectorSize: uint64(v.Boot.SectorSize),
	}
	spec, data := row.cipher, key.Bytes()
	var err error
	if row.elephant {
		half := len(data) / 2
		p.elephant = &elephant{size: v.Boot.SectorSize}
		if p.elephant.tweak, err = sector.New("aes-ecb", data[half:], sector.MinSize); err != nil {
			return nil, err
		}
		spec, data = "aes-cbc-eboiv", data[:half]
	}
	if p.cipher, err = sector.New(spec, data, v.Boot.SectorSize, sector.LargeSectors()); err != nil {
		p.Close()
		return nil, err
	}
	return p, nil
}

// Size is the length of the data in bytes.
func (p *Plaintext) Size() int64 { return p.size }

// Close wipes the round keys. The device stays open.
func (p *Plaintext) Close() {
	p.cipher.Close()
	if p.elephant != nil {
		p.elephant.tweak.Close()
	}
}

// window is how much is decrypted at a time, bytes.
const window = 64 << 10

// ReadAt decrypts len(b) bytes from offset off.
func (p *Plaintext) ReadAt(b []byte, off int64) (n int, err error) {
	if off < 0 || off >= p.size {
		return 0, io.EOF
	}
	if rest := p.size - off; int64(len(b)) > rest {
		b, err = b[:rest], io.EOF
	}
	for n < len(b) {
		m, err := p.readSome(b[n:], uint64(off)+uint64(n))
		if err != nil {
			return n, err
		}
		n += m
	}
	return n, err
}

// readSome reads as much as one piece and one window give.
func (p *Plaintext) readSome(b []byte, at uint64) (int, error) {
	var piece Piece
	for _, piece = range p.pieces {
		if at < piece.End() {
			break
		}
	}
	if piece.Zero {
		n := min(uint64(len(b)), piece.End()-at)
		clear(b[:n])
		return int(n), nil
	}
	first := at - at%p.sectorSize
	last := min(at+min(uint64(len(b)), window)+p.sectorSize-1, piece.End())
	buf := make([]byte, (last-first)/p.sectorSize*p.sectorSize)
	if err := p.decrypt(buf, piece.From+first-piece.Offset); err != nil {
		return 0, err
	}
	return copy(b, buf[at-first:]), nil
}

// decrypt fills buf with the sectors that lie at byte `from` of the device.
func (p *Plaintext) decrypt(buf []byte, from uint64) error {
	if err := header.ReadFull(p.dev, buf, from); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	}
	if err := p.cipher.Decrypt(buf, buf, from/512); err != nil {
		return err
	}
	if p.elephant == nil {
		return nil
	}
	return p.elephant.undo(buf, from)
}
