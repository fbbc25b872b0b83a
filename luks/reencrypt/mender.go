// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Write is bytes for the data device.
type Write struct {
	Offset uint64 // bytes
	Bytes  []byte
}

// Finding says what the units of a hot zone are. With both keys it is known of each that was written at all: a unit
// is new where it was made of what the area recorded.
type Finding struct {
	Units  uint64 `json:"units"`
	Old    uint64 `json:"old"`
	New    uint64 `json:"new"`
	Torn   uint64 `json:"torn"`   // some 512 bytes old, the others new
	Odd    uint64 `json:"odd"`    // made neither of nor into what the area recorded
	Senses Senses `json:"senses"` // of the odd ones
}

func (f *Finding) add(o Finding) {
	f.Units, f.Old, f.New = f.Units+o.Units, f.Old+o.Old, f.New+o.New
	f.Torn, f.Odd = f.Torn+o.Torn, f.Odd+o.Odd
	f.Senses.add(o.Senses)
}

// Proven tells that the record is of this zone: some unit goes with it.
func (f Finding) Proven() bool { return f.Old+f.New+f.Torn > 0 }

// Begun tells that the zone's data were written, at least in part.
func (f Finding) Begun() bool { return f.New+f.Torn > 0 }

// Mender says of each unit of a hot zone what it is, and what it is to become. It writes nothing.
type Mender struct {
	run        *Run
	hot        *Part
	was        uint64 // where the old data lie that are one shift away
	zone       *Zone  // nil where they are
	data       io.ReaderAt
	old, fresh *sector.Cipher
	unit       uint64
	sum        hash.Hash
}

// Mender prepares recovering the hot zone; both keys are verified by then. area is the header's device. Errors:
// ErrNoEvidence where no zone is hot, ErrUnknowable for one that was rewritten in place without a record, those of
// Zone and of package sector.
func (r *Run) Mender(area, data io.ReaderAt, keys Keys) (*Mender, error) {
	hot := r.Hot()
	switch {
	case hot == nil:
		return nil, ErrNoEvidence
	case r.beside():
		return nil, ErrUnknowable
	}
	m := &Mender{run: r, hot: hot, data: data, unit: r.unit(), was: r.source(hot)}
	var err error
	if r.protects(hot.Start) != byShift {
		if m.zone, err = r.Zone(area); err != nil {
			return nil, err
		}
		m.unit = m.zone.Unit
	} else if m.overlaps() {
		return nil, foreign(member("segments", hot.ID), "hot, and longer than the data move")
	}
	if m.zone != nil && m.zone.sum != nil {
		if m.sum, err = hashalg.New(r.Hash); err != nil {
			return nil, err
		}
	}
	m.old, m.fresh, err = r.ciphers(keys)
	return m, err
}

// overlaps: the zone would go over its own old data.
func (m *Mender) overlaps() bool {
	from := extent.Extent{Offset: m.was, Size: m.hot.Size}
	return from.Overlaps(extent.Extent{Offset: m.hot.Offset, Size: m.hot.Size})
}

// Close wipes the round keys.
func (m *Mender) Close() { closeAll(m.old, m.fresh) }

// batch is how much of a zone is looked at as one, bytes.
const batch = 1 << 20

func (m *Mender) step() uint64 { return max(extent.Down(uint64(batch), m.unit), m.unit) }

// Batches is how many pieces the zone is looked at in.
func (m *Mender) Batches() uint64 { return (m.hot.Size-1)/m.step() + 1 }

// Look says what all units of the zone are.
func (m *Mender) Look() (f Finding, err error) {
	for i := range m.Batches() {
		one, _, err := m.Batch(i)
		if err != nil {
			return f, err
		}
		f.add(one)
	}
	return f, nil
}

// Batch says what the units of one piece are, and what is to be written so that each is new. An odd one that makes
// sense under the old key alone is taken for old, and otherwise left as it is.
func (m *Mender) Batch(i uint64) (f Finding, list []Write, err error) {
	err = m.each(i, func(start uint64, now, want []byte, one Finding) error {
		f.add(one)
		if bytes.Equal(want, now) {
			return nil
		}
		offset := m.hot.Offset + start
		if last := len(list) - 1; last >= 0 && list[last].Offset+uint64(len(list[last].Bytes)) == offset {
			list[last].Bytes = append(list[last].Bytes, want...)
		} else {
			list = append(list, Write{offset, bytes.Clone(want)})
		}
		return nil
	})
	return f, list, err
}

// each calls visit for each unit of a piece: where it begins in the zone, what it is and is to be, what was found.
func (m *Mender) each(i uint64, visit func(start uint64, now, want []byte, one Finding) error) error {
	start := i * m.step()
	size := min(m.step(), m.hot.Size-start)
	b := &reading{m: m, start: start, at: m.hot.Start + start}
	defer b.wipe()
	if err := b.read(size); err != nil {
		return err
	}
	for from := uint64(0); from < size; from += m.unit {
		to := min(from+m.unit, size)
		var one Finding
		want, err := b.judge(from, to, &one)
		if err == nil {
			err = visit(start+from, b.now[from:to], want, one)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Readable lists the hot zone as pieces that are either old or new, for who reads it before it is recovered. The
// error is ErrUnknowable where a unit is neither.
func (m *Mender) Readable() (list []Piece, err error) {
	for i := range m.Batches() {
		err := m.each(i, func(start uint64, now, _ []byte, one Finding) error {
			p := Piece{Start: m.hot.Start + start, Size: uint64(len(now)), Side: New, Offset: m.hot.Offset + start}
			switch {
			case m.zone == nil:
				p.Side, p.Offset = Old, m.was+start
			case one.Old > 0:
				p.Side = Old
			case one.New == 0:
				return fmt.Errorf("%w: the unit at byte %d of the data is torn", ErrUnknowable, p.Start)
			}
			last := len(list) - 1
			if last >= 0 && list[last].Side == p.Side && list[last].Offset+list[last].Size == p.Offset {
				list[last].Size += p.Size
			} else {
				list = append(list, p)
			}
			return nil
		})
		if err != nil {
			return nil, err
		}
	}
	return list, nil
}

// reading is a piece of the zone in all its readings.
type reading struct {
	m         *Mender
	start, at uint64 // of the zone, of the data; bytes
	now       []byte // as it is
	was       []byte // the old ciphertext, by the journal or from one shift away; nil with checksums
	next      []byte // new ciphertext of what is old: of was, or of now
	back      []byte // checksums: old ciphertext of now, were it new
	asOld     []byte // plain, were now old
	asNew     []byte // plain, were now new
}

func (b *reading) read(size uint64) (err error) {
	m := b.m
	if b.now, err = readFull(m.data, m.hot.Offset+b.start, size); err != nil {
		return err
	}
	source := b.now
	switch {
	case m.zone == nil:
		b.was, err = readFull(m.data, m.was+b.start, size)
		source = b.was
	case m.sum == nil:
		b.was, err = m.zone.record(b.start, size)
		source = b.was
	}
	if err != nil {
		return err
	}
	if b.asOld, err = m.through(m.old, b.now, b.at); err != nil {
		return err
	}
	if b.asNew, err = m.through(m.fresh, b.now, b.at); err != nil {
		return err
	}
	plain := bytes.Clone(source)
	if err = decipher(m.old, plain, b.at); err != nil {
		return err
	}
	if b.next, err = plain, encipher(m.fresh, plain, b.at); err != nil || m.sum == nil {
		return err
	}
	b.back = bytes.Clone(b.asNew)
	return encipher(m.old, b.back, b.at)
}

func (m *Mender) through(c *sector.Cipher, p []byte, at uint64) ([]byte, error) {
	plain := bytes.Clone(p)
	return plain, decipher(c, plain, at)
}

func encipher(c *sector.Cipher, b []byte, start uint64) error {
	if c == nil {
		return nil
	}
	return c.Encrypt(b, b, start/512)
}

func (b *reading) wipe() {
	for _, p := range [][]byte{b.asOld, b.asNew} {
		wipe(p)
	}
}

// judge says what one unit is and what it is to be.
func (b *reading) judge(from, to uint64, f *Finding) ([]byte, error) {
	f.Units++
	if b.m.zone == nil {
		if bytes.Equal(b.now[from:to], b.next[from:to]) {
			f.New++
		} else {
			f.Old++ // or torn: the old data are where they were
		}
		return b.next[from:to], nil
	}
	if b.m.sum == nil {
		return b.judgeJournal(from, to, f)
	}
	return b.judgeChecksum(from, to, f)
}

// judgeJournal: a unit whose every 512 bytes are those of the record, or were made of them, goes with the record.
func (b *reading) judgeJournal(from, to uint64, f *Finding) ([]byte, error) {
	old, fresh := uint64(0), uint64(0)
	for at := from; at < to; at += piece {
		switch now := b.now[at:min(at+piece, to)]; {
		case bytes.Equal(now, b.next[at:at+uint64(len(now))]):
			fresh += uint64(len(now))
		case bytes.Equal(now, b.was[at:at+uint64(len(now))]):
			old += uint64(len(now))
		}
	}
	switch to - from {
	case fresh:
		f.New++
	case old:
		f.Old++
	case old + fresh:
		f.Torn++
	default:
		return b.odd(from, to, f)
	}
	return b.next[from:to], nil
}

func (b *reading) judgeChecksum(from, to uint64, f *Finding) ([]byte, error) {
	z := b.m.zone
	record, err := z.record((b.start+from)/z.Unit*z.length, z.length)
	if err != nil {
		return nil, err
	}
	switch {
	case b.sumIs(b.now[from:to], record):
		f.Old++
		return b.next[from:to], nil
	case b.sumIs(b.back[from:to], record):
		f.New++
		return b.now[from:to], nil
	}
	want, err := b.torn(from, to, record)
	if err != nil || want != nil {
		f.Torn++
		return want, err
	}
	return b.odd(from, to, f)
}

func (b *reading) sumIs(p, record []byte) bool {
	h := b.m.sum
	h.Reset()
	h.Write(p)
	return bytes.Equal(h.Sum(nil), record)
}

// mostPieces is up to how many pieces of a unit every mixture of old and new is tried; of more only those in which
// one end is old and the other one new.
const mostPieces = 8

// torn looks for the mixture of old and new pieces of 512 bytes that was the recorded unit; nil for none. Ciphers
// that chain over more than that give none.
func (b *reading) torn(from, to uint64, record []byte) ([]byte, error) {
	count := (to - from) / piece
	if count < 2 {
		return nil, nil
	}
	for _, mask := range mixtures(count) {
		was := bytes.Clone(b.now[from:to])
		for i := range count {
			if mask(i) {
				copy(was[i*piece:(i+1)*piece], b.back[from+i*piece:])
			}
		}
		if !b.sumIs(was, record) {
			continue
		}
		if err := decipher(b.m.old, was, b.at+from); err != nil {
			return nil, err
		}
		return was, encipher(b.m.fresh, was, b.at+from)
	}
	return nil, nil
}

// mixtures tell of each piece whether it is new.
func mixtures(count uint64) (list []func(i uint64) bool) {
	if count <= mostPieces {
		for bits := uint64(1); bits < 1<<count-1; bits++ {
			list = append(list, func(i uint64) bool { return bits>>i&1 == 1 })
		}
		return list
	}
	for n := uint64(1); n < count; n++ {
		list = append(list, func(i uint64) bool { return i < n }, func(i uint64) bool { return i >= n })
	}
	return list
}

// odd is a unit that does not go with the record: that is damaged, or is of another zone.
func (b *reading) odd(from, to uint64, f *Finding) ([]byte, error) {
	f.Odd++
	s := senses(b.asOld[from:to], b.asNew[from:to])
	f.Senses.add(s)
	if s.Old == 0 || s.New > 0 {
		return b.now[from:to], nil
	}
	want := bytes.Clone(b.asOld[from:to])
	return want, encipher(b.m.fresh, want, b.at+from)
}

// Remains are the bytes of data that were put aside, and that still stand there in the clear after an encryption:
// pieces that equal the data themselves. What was written there since is none.
func (r *Run) Remains(data io.ReaderAt, keys Keys) ([]extent.Extent, error) {
	if r.Moved == nil || r.Mode != "encrypt" {
		return nil, nil
	}
	_, fresh, err := r.ciphers(Keys{New: keys.New})
	if err != nil {
		return nil, err
	}
	defer closeAll(fresh)
	var list []extent.Extent
	for at := uint64(0); at < r.Moved.Size; at += batch {
		size := min(batch, r.Moved.Size-at)
		aside, err := readFull(data, r.Moved.Offset+at, size)
		if errors.Is(err, io.ErrUnexpectedEOF) {
			return list, nil // the device ends there
		}
		if err != nil {
			return nil, err
		}
		now, err := readFull(data, r.New.Offset+at, size)
		if err == nil {
			err = decipher(fresh, now, at)
		}
		if err != nil {
			return nil, err
		}
		list = equalPieces(list, aside, now, r.Moved.Offset+at)
		wipe(now)
	}
	return list, nil
}

func equalPieces(list []extent.Extent, a, b []byte, offset uint64) []extent.Extent {
	for at := 0; at+piece <= len(a); at += piece {
		if !bytes.Equal(a[at:at+piece], b[at:at+piece]) || blank(a[at:at+piece]) {
			continue
		}
		here := extent.Extent{Offset: offset + uint64(at), Size: piece}
		if last := len(list) - 1; last >= 0 && list[last].End() == here.Offset {
			list[last].Size += piece
		} else {
			list = append(list, here)
		}
	}
	return list
}
