// SPDX-License-Identifier: Apache-2.0

// Package store keeps what the guard has to remember of each volume: the head when it was last seen
// in order, what happened since, and whether it is to be left alone.
//
// A head is a file in the format of package sealed, with the magic "orthrus head 2\n": the
// description is a Head, the bytes are those of its parts in their order. The parts are both heads
// (LUKS1: the header), and with store = full the keyslot areas, which is key material. Otherwise of
// these only SHA-256 sums are kept.
package store

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/luks/sealed"
)

// ErrUnsettled: what was read a second time was not what had been judged.
var ErrUnsettled = errors.New("the header changed while it was read")

// Head is a volume's head when it was in order. Offsets and sizes are in bytes.
type Head struct {
	UUID       string `json:"uuid"`
	Version    int    `json:"version"`
	SeqID      uint64 `json:"seqid"`
	DeviceSize uint64 `json:"device_size"`
	DataOffset uint64 `json:"data_offset"`
	DataSize   uint64 `json:"data_size"` // 0: up to the device's end
	Cipher     string `json:"cipher"`
	Time       string `json:"time"` // RFC 3339
	Full       bool   `json:"full"` // the parts hold the keyslot areas too
	Parts      []Part `json:"parts"`
	Sums       []Sum  `json:"sums"` // of the keyslot areas
	Rest       []Sum  `json:"rest"` // of what no keyslot claims between and behind them
	// Elsewhere: the data lies on another device, which was mapped while this was seen.
	Elsewhere bool `json:"elsewhere"`
	// Mark tells which state of which volume this is.
	Mark identity.Mark `json:"mark"`
}

// Part is a range whose bytes are kept.
type Part struct {
	What   string `json:"what"`
	Offset uint64 `json:"offset"`
	Length uint64 `json:"length"`
	Bytes  []byte `json:"-"`
}

// Sum is a range of which a sum is kept.
type Sum struct {
	What   string `json:"what"`
	Offset uint64 `json:"offset"`
	Length uint64 `json:"length"`
	SHA256 []byte `json:"sha256"`
}

var headMagic = sealed.Magic([]byte("orthrus head 2\n\x00"))

// MaxHead bounds a head's file, bytes: the largest metadata there is, and its description.
const MaxHead = 160 << 20

// Encode is the file's contents.
func (h Head) Encode() ([]byte, error) {
	var parts [][]byte
	for _, p := range h.Parts {
		parts = append(parts, p.Bytes)
	}
	return sealed.Encode(headMagic, h, parts...)
}

// DecodeHead reads a file's contents. The error is sealed.ErrFormat.
func DecodeHead(p []byte) (Head, error) {
	var h Head
	body, err := sealed.Decode(headMagic, p, &h)
	if err != nil {
		return Head{}, err
	}
	for i := range h.Parts {
		part := &h.Parts[i]
		if part.Length > uint64(len(body)) || !inside(part.Offset, part.Length, h.DeviceSize) {
			return Head{}, fmt.Errorf("%w: part %d", sealed.ErrFormat, i)
		}
		part.Bytes, body = body[:part.Length], body[part.Length:]
	}
	for i, s := range slices.Concat(h.Sums, h.Rest) {
		if len(s.SHA256) != sha256.Size || !inside(s.Offset, s.Length, h.DeviceSize) {
			return Head{}, fmt.Errorf("%w: sum %d", sealed.ErrFormat, i)
		}
	}
	return h, nil
}

func inside(offset, length, size uint64) bool { return offset <= size && length <= size-offset }

// Capture reads the head of a volume that was judged to be in order, again: what is kept must be
// what is there. With full the keyslot areas are kept too. The error is ErrUnsettled, or that of
// reading.
func Capture(dev inspect.Device, e inspect.Evidence, full bool, now time.Time) (Head, error) {
	h := Head{DeviceSize: e.Size, Time: now.UTC().Format(time.RFC3339), Full: full}
	var err error
	if e.LUKS1 != nil {
		err = h.capture1(dev, *e.LUKS1)
	} else {
		err = h.capture2(dev, e.Choice)
	}
	if err != nil {
		return Head{}, err
	}
	for i := range h.Rest {
		if err := h.Rest[i].take(dev); err != nil {
			return Head{}, err
		}
	}
	for i := range h.Sums {
		if err := h.Sums[i].take(dev); err != nil {
			return Head{}, err
		}
		if full {
			area := Part{What: h.Sums[i].What, Offset: h.Sums[i].Offset, Length: h.Sums[i].Length}
			if err := area.read(dev); err != nil {
				return Head{}, err
			}
			if sum := sha256.Sum256(area.Bytes); !bytes.Equal(sum[:], h.Sums[i].SHA256) {
				return Head{}, ErrUnsettled
			}
			h.Parts = append(h.Parts, area)
		}
	}
	return h, nil
}

// take makes the sum of what is there.
func (s *Sum) take(dev inspect.Device) error {
	if !inside(s.Offset, s.Length, uint64(max(dev.Size(), 0))) {
		return fmt.Errorf("%s: %w", s.What, io.ErrUnexpectedEOF)
	}
	hash := sha256.New()
	_, err := io.CopyBuffer(hash, io.NewSectionReader(dev, int64(s.Offset), int64(s.Length)), make([]byte, 64<<10))
	if err != nil {
		return fmt.Errorf("%s at byte %d: %w", s.What, s.Offset, err)
	}
	s.SHA256 = hash.Sum(nil)
	return nil
}

func (h *Head) capture1(dev inspect.Device, l luks1.Header) error {
	head := Part{What: "header", Length: luks1.ReservedSize}
	if err := head.read(dev); err != nil {
		return err
	}
	if again, err := luks1.Decode(head.Bytes); err != nil || again != l {
		return ErrUnsettled
	}
	h.Mark = identity.Of1(l)
	h.UUID, h.Version, h.Cipher, h.DataOffset = l.UUID, 1, l.Encryption(), uint64(l.PayloadOffset)*luks1.SectorSize
	h.Parts = []Part{head}
	for _, id := range l.EnabledKeyslots() {
		offset, length := l.Material(id)
		h.Sums = append(h.Sums, Sum{What: keyslot(id), Offset: uint64(offset), Length: uint64(length)})
	}
	return nil
}

func (h *Head) capture2(dev inspect.Device, c header.Choice) error {
	l := c.Copy.Header
	for _, place := range []header.Place{header.Primary, header.Secondary} {
		head := Part{What: place.String() + " header", Offset: uint64(place) * l.Size, Length: l.Size}
		if err := head.read(dev); err != nil {
			return err
		}
		again, err := luks2.Decode(head.Bytes, head.Offset)
		if err != nil || again.Header.SeqID != l.SeqID || again.Header.UUID != l.UUID ||
			!again.Metadata.Equal(c.Copy.Metadata) {
			return ErrUnsettled
		}
		h.Parts = append(h.Parts, head)
	}
	m := c.Copy.Metadata
	h.Mark = identity.Of2(c.Copy)
	h.UUID, h.Version, h.SeqID, h.DataOffset = l.UUID, 2, l.SeqID, m.DataOffset()
	if s, found := m.DefaultSegment(); found {
		h.Cipher = s.Encryption
	}
	if size, dynamic := m.DataSize(); !dynamic {
		h.DataSize = size
	}
	for _, slot := range m.Keyslots() {
		h.Sums = append(h.Sums, Sum{What: keyslot(slot.ID), Offset: slot.Area.Offset, Length: slot.Area.Size})
	}
	for _, hole := range m.Holes(l.Size) {
		h.Rest = append(h.Rest, Sum{What: "the rest of the keyslots area", Offset: hole.Offset, Length: hole.Size})
	}
	return nil
}

func keyslot(id int) string { return fmt.Sprintf("keyslot %d", id) }

func (p *Part) read(dev inspect.Device) error {
	if !inside(p.Offset, p.Length, uint64(max(dev.Size(), 0))) {
		return fmt.Errorf("%s: %w", p.What, io.ErrUnexpectedEOF)
	}
	p.Bytes = make([]byte, p.Length)
	if n, err := dev.ReadAt(p.Bytes, int64(p.Offset)); n < len(p.Bytes) {
		return fmt.Errorf("%s at byte %d: %w", p.What, p.Offset, err)
	}
	return nil
}

// Changed names the parts of the keyslots area that do not hold what they held with this head: after an
// erase, a change of keys or a shred the head must not come back, and what lies where no keyslot was may be
// another one's. A read error counts as a change.
func (h Head) Changed(dev inspect.Device) []string {
	var names []string
	for _, s := range slices.Concat(h.Sums, h.Rest) {
		now := s
		if err := now.take(dev); err != nil || !bytes.Equal(now.SHA256, s.SHA256) && !slices.Contains(names, s.What) {
			names = append(names, s.What)
		}
	}
	return names
}

// Opens tells whether the head has a keyslot: one without gives nothing back.
func (h Head) Opens() bool { return len(h.Sums) > 0 }

// Revokes tells whether this head lacks a keyslot that the old one named: by its place and salt, for whoever writes new
// material draws a new one. What lies in its area does not count: that may be damaged.
func (h Head) Revokes(old Head) bool {
	now := h.slots()
	for _, was := range old.slots() {
		if !slices.Contains(now, was) {
			return true
		}
	}
	return false
}

// slots says of each keyslot where it lies and what its salt is.
func (h Head) slots() (list []string) {
	for _, p := range h.Parts {
		if h.Version == 1 {
			l, err := luks1.Decode(p.Bytes)
			for _, id := range l.EnabledKeyslots() {
				list = append(list, fmt.Sprintf("%d at %d: %x", id, l.Keyslots[id].Offset, l.Keyslots[id].Salt))
			}
			if err == nil {
				break
			}
			continue
		}
		c, err := luks2.Decode(p.Bytes, p.Offset)
		if err != nil {
			continue
		}
		for _, k := range c.Metadata.Keyslots() {
			list = append(list, fmt.Sprintf("%d at %v: %x", k.ID, k.Area, k.KDF.Salt))
		}
		break
	}
	return list
}

// Damaged tells whether the material of a keyslot is not what it was with the old head, though both name it.
func (h Head) Damaged(old Head) bool { return len(h.spoiled(old)) > 0 }

// spoiled are the sums of the old head for areas that this one has otherwise.
func (h Head) spoiled(old Head) (list []Sum) {
	if h.Revokes(old) {
		return nil
	}
	for _, was := range old.Sums {
		is := slices.IndexFunc(h.Sums, func(s Sum) bool { return s.What == was.What && s.Offset == was.Offset })
		if is >= 0 && !bytes.Equal(h.Sums[is].SHA256, was.SHA256) {
			list = append(list, was)
		}
	}
	return list
}

// Carry is the head with the material of the old one where that is damaged now.
func (h Head) Carry(old Head) Head {
	h.Sums, h.Parts = slices.Clone(h.Sums), slices.Clone(h.Parts)
	for _, was := range h.spoiled(old) {
		for i, s := range h.Sums {
			if s.What == was.What {
				h.Sums[i] = was
			}
		}
		for i, p := range h.Parts {
			of := slices.IndexFunc(old.Parts, func(o Part) bool { return o.What == p.What })
			if p.What == was.What && of >= 0 {
				h.Parts[i] = old.Parts[of]
			}
		}
	}
	return h
}

// Same tells whether both say the same of the volume, whenever they were taken.
func (h Head) Same(other Head) bool {
	h.Time, other.Time = "", ""
	a, err := h.Encode()
	b, otherErr := other.Encode()
	return err == nil && otherErr == nil && bytes.Equal(a, b)
}

// Restore plans to put the head back where both copies are gone; keyslot areas stay as they are.
func (h Head) Restore(dev header.Device) (repair.Plan, error) {
	heads := 2
	if h.Version == 1 {
		heads = 1
	}
	if len(h.Parts) < heads || uint64(max(dev.Size(), 0)) < h.DeviceSize {
		return repair.Plan{}, fmt.Errorf("the device of %d bytes is smaller than the %d that the head belongs to",
			dev.Size(), h.DeviceSize)
	}
	var writes []repair.Write
	for _, p := range h.Parts[:heads] {
		writes = append(writes, repair.Write{
			What: p.What, Offset: p.Offset, Bytes: p.Bytes,
			Why: "as it was seen in order at " + h.Time,
		})
	}
	return repair.Restore(dev, h.Version, h.UUID, h.SeqID, writes)
}
