// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"bytes"
	"context"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Plaintext reads the data of a volume in the middle of a reencryption: each sector under the key that it is
// under, in a hot zone as well. It is an io.ReaderAt with offsets in bytes from the start of the data, may be used
// by several goroutines, and has no way to write.
type Plaintext struct {
	run      *Run
	pieces   []Piece
	zone     *Zone // nil where no zone is hot, or its old data are one shift away
	data     io.ReaderAt
	old, new *sector.Cipher // nil for plain data
	size     int64
}

// Open checks the keys and the metadata and prepares reading. area is the header's device, data that of the data, of
// size bytes; both may be the same. A concluded run needs the new key only. Errors: those of Verify, Zone and Pieces,
// a ForeignError, ErrUnknowable where old and new cannot be told apart, those of package sector for ciphers.
func Open(ctx context.Context, v Verdict, area, data io.ReaderAt, size uint64, keys Keys) (*Plaintext, error) {
	run, err := v.readable()
	if err != nil {
		return nil, err
	}
	if v.State == Concluded {
		err = run.New.verify(ctx, "new", keys.New)
	} else {
		err = run.Verify(ctx, keys)
	}
	if err != nil {
		return nil, err
	}
	p := &Plaintext{run: run, data: data}
	if p.pieces, err = run.Pieces(size); err != nil {
		return nil, err
	}
	if hot := run.Hot(); hot != nil && run.protects(hot.Start) != byShift {
		if p.zone, err = run.Zone(area); err != nil {
			return nil, err
		}
	}
	for _, piece := range p.pieces {
		p.size = int64(piece.Start + piece.Size)
	}
	return p, p.setKeys(keys)
}

// readable is the run to go by.
func (v Verdict) readable() (*Run, error) {
	switch {
	case v.State == None:
		return nil, foreign(requirements, "no reencryption is under way")
	case v.State == Foreign:
		return nil, &ForeignError{Field: requirements, Why: v.Reason}
	case v.Step == Refuse:
		return nil, fmt.Errorf("%w: %s", ErrUnknowable, v.Reason)
	case v.Step == TakeBack:
		return v.Before, nil
	}
	return v.Run, nil
}

func (p *Plaintext) setKeys(keys Keys) (err error) {
	for _, side := range []struct {
		end  End
		key  []byte
		side Side
		into **sector.Cipher
	}{{p.run.Old, keys.Old, Old, &p.old}, {p.run.New, keys.New, New, &p.new}} {
		needed := p.run.has(side.side) || p.run.has(Between)
		if side.end.Type != "crypt" || !needed {
			continue
		}
		if *side.into, err = sector.New(side.end.Encryption, side.key, int(side.end.SectorSize)); err != nil {
			p.Close()
			return err
		}
	}
	return nil
}

// Size is the length of the data in bytes.
func (p *Plaintext) Size() int64 { return p.size }

// Close wipes the round keys.
func (p *Plaintext) Close() {
	for _, c := range []*sector.Cipher{p.old, p.new} {
		if c != nil {
			c.Close()
		}
	}
}

// ReadAt decrypts len(b) bytes from offset off.
func (p *Plaintext) ReadAt(b []byte, off int64) (int, error) {
	if off < 0 || off >= p.size {
		return 0, io.EOF
	}
	done := 0
	for _, piece := range p.pieces {
		at := uint64(off) + uint64(done)
		if done == len(b) || at >= piece.Start+piece.Size {
			continue
		}
		part := b[done:]
		part = part[:min(uint64(len(part)), piece.Start+piece.Size-at)]
		if err := p.read(piece, part, at-piece.Start); err != nil {
			return done, err
		}
		done += len(part)
	}
	if done < len(b) {
		return done, io.EOF
	}
	return done, nil
}

// read decrypts from byte `from` of a piece.
func (p *Plaintext) read(piece Piece, b []byte, from uint64) error {
	unit := p.unit(piece)
	first := extent.Down(from, unit)
	end := min(extent.Up(from+uint64(len(b)), unit), piece.Size)
	var buf bytes.Buffer
	for at := first; at < end; {
		size := end - at
		if piece.Side == Between {
			size = min(size, unit)
		}
		plain, err := p.whole(piece, at, size)
		if err != nil {
			return err
		}
		buf.Write(plain)
		at += size
	}
	copy(b, buf.Bytes()[from-first:])
	return nil
}

// unit is what of a piece is decrypted as one.
func (p *Plaintext) unit(piece Piece) uint64 {
	switch {
	case piece.Side == Between && p.zone != nil:
		return p.zone.Unit
	case piece.Side == Between:
		return p.run.unit()
	case piece.Side == New:
		return uint64(max(p.run.New.SectorSize, 512))
	}
	return uint64(max(p.run.Old.SectorSize, 512))
}

// whole decrypts whole sectors at byte `at` of a piece; of a hot one a single unit.
func (p *Plaintext) whole(piece Piece, at, size uint64) ([]byte, error) {
	switch {
	case piece.Side == Old:
		return p.decrypt(p.old, piece.Offset+at, piece.Start+at, size)
	case piece.Side == New:
		return p.decrypt(p.new, piece.Offset+at, piece.Start+at, size)
	case p.zone == nil:
		return p.decrypt(p.old, piece.Was+at, piece.Start+at, size)
	}
	return p.undecided(piece, at, size)
}

// undecided decrypts a unit of the hot zone: what a journal has is old, and else its checksum tells.
func (p *Plaintext) undecided(piece Piece, at, size uint64) ([]byte, error) {
	i := at / p.zone.Unit
	was, err := p.zone.Journal(i)
	if err == nil {
		return was, decipher(p.old, was, piece.Start+at)
	}
	if p.zone.sum == nil {
		return nil, err
	}
	unit, err := readFull(p.data, piece.Offset+at, size)
	if err != nil {
		return nil, err
	}
	old, err := p.zone.Old(i, unit)
	if err != nil {
		return nil, err
	}
	if old {
		return unit, decipher(p.old, unit, piece.Start+at)
	}
	return unit, decipher(p.new, unit, piece.Start+at)
}

func (p *Plaintext) decrypt(c *sector.Cipher, offset, start, size uint64) ([]byte, error) {
	b, err := readFull(p.data, offset, size)
	if err != nil {
		return nil, err
	}
	return b, decipher(c, b, start)
}

// decipher decrypts in place what begins at that byte of the data; no cipher means that it is plain.
func decipher(c *sector.Cipher, b []byte, start uint64) error {
	if c == nil {
		return nil
	}
	return c.Decrypt(b, b, start/512)
}
