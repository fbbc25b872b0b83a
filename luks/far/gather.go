// SPDX-License-Identifier: Apache-2.0

package far

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Gather reads what lies where far headers of that volume may lie: at the places that the heads name, at the
// device's end, and without a token behind data of a fixed size. Where no locator lies that is at most 24 KiB. It
// leaves Want and Live open.
func Gather(dev header.Device, head luks2.Copy) Evidence {
	e := Evidence{Head: head, DeviceSize: uint64(max(dev.Size(), 0))}
	e.Token, _, e.HasToken, e.TokenErr = Find(head.Metadata)
	if f, found := Severed(dev, head, e.Token.Far); found {
		e.Severed = len(f.Unclear(dev, head)) == 0
	}
	seen := map[uint64]bool{}
	if e.TokenErr == nil && !e.Token.Far.None() {
		e.Recorded = Read(dev, e.Token.Far)
		seen[e.Token.Far.Locator] = true
	}
	if e.TokenErr == nil && !e.Token.To.None() && !seen[e.Token.To.Locator] {
		e.Others = append(e.Others, Read(dev, e.Token.To))
		seen[e.Token.To.Locator] = true
	}
	for _, at := range locatorsAtEnd(e.DeviceSize) {
		if !seen[at] {
			e.Others = append(e.Others, Look(dev, at))
			seen[at] = true
		}
	}
	if at, ok := behindData(head, e.DeviceSize); ok && !e.HasToken && !seen[at] {
		e.Others = append(e.Others, Look(dev, at))
	}
	return e
}

// behindData is where the locator of a far header lies before which the data were made to end, whatever became
// of the token that told of it, and of the device's end.
func behindData(head luks2.Copy, deviceSize uint64) (uint64, bool) {
	size, dynamic := head.Metadata.DataSize()
	offset := head.Metadata.DataOffset()
	if dynamic || offset > deviceSize || size > deviceSize-offset {
		return 0, false
	}
	at := extent.Up(extent.Up(offset+size, Alignment)+Length(head), Alignment)
	return at, at < deviceSize
}

// Source is the device's start, as far as a far header copies it.
type Source struct {
	Bytes []byte
	// failed are the parts that could not be read, with the device's errors.
	failed map[luks2.Extent]error
}

// SourceError says that a part which a far header is to copy cannot be read.
type SourceError struct {
	Part luks2.Extent
	Err  error
}

func (e *SourceError) Error() string {
	return fmt.Sprintf("far header: copying %d bytes at byte %d: %v", e.Part.Size, e.Part.Offset, e.Err)
}

func (e *SourceError) Unwrap() error { return e.Err }

// Gathered reads the heads and areas that head names. A head that is not in order counts as what the
// far header has of it, where that fits the other one; so does one that differs from that only where no
// reader looks and no checksum reaches. The error is a LocatorError.
func Gathered(dev io.ReaderAt, heads header.Heads, head luks2.Copy, recorded Found) (Source, error) {
	layout, err := Layout(head)
	if err != nil {
		return Source{}, err
	}
	s := Source{make([]byte, Length(head)), map[luks2.Extent]error{}}
	for _, e := range layout {
		if n, err := dev.ReadAt(s.Bytes[e.Offset:e.End()], int64(e.Offset)); uint64(n) < e.Size {
			s.failed[e] = err
		}
	}
	for _, found := range []header.Found{heads.Primary, heads.Secondary} {
		s.adopt(found, head, recorded)
	}
	return s, nil
}

func (s Source) adopt(found header.Found, head luks2.Copy, recorded Found) {
	e := luks2.Extent{Offset: uint64(found.Place) * head.Header.Size, Size: head.Header.Size}
	if e.End() > uint64(len(recorded.Body)) {
		return
	}
	mine, copied := s.Bytes[e.Offset:e.End()], recorded.Body[e.Offset:e.End()]
	if found.State == header.Valid && found.Copy.Header.SeqID == head.Header.SeqID {
		if luks2.Same(mine, copied) {
			copy(mine, copied)
		}
		return
	}
	if c, err := luks2.Decode(copied, e.Offset); err == nil && c.Header.SeqID == head.Header.SeqID {
		copy(mine, copied)
		delete(s.failed, e)
	}
}

// Put replaces a part by what is going to lie there.
func (s Source) Put(e luks2.Extent, p []byte) {
	if e.Offset < uint64(len(s.Bytes)) {
		copy(s.Bytes[e.Offset:], p)
		delete(s.failed, e)
	}
}

// Build makes the body; a part that could not be read must have been kept from the old one, or the error is
// a SourceError.
func (s Source) Build(head luks2.Copy, old *Found) (Desired, error) {
	d, err := Build(s.Bytes, head, old)
	if err != nil {
		return d, err
	}
	for _, id := range d.Kept {
		if k, err := head.Metadata.Keyslot(id); err == nil {
			delete(s.failed, luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size})
		}
	}
	for e, err := range s.failed {
		return d, &SourceError{e, err}
	}
	return d, nil
}

// Status is what there is of the third copy, and how it stands to the heads.
type Status struct {
	Judgement
	Token    Token // with HasToken
	HasToken bool
	Recorded Found // at the place that the heads name
	Want     Desired
	// Damaged are the keyslots whose material on the device is not what the far header says it was.
	Damaged []int
	Left    []luks2.Extent // see Found.Left
	Severed bool           // see Evidence
	// Unclear are, where it is severed, the keyslots of which nothing tells whether the body or the device has them
	// whole.
	Unclear []int
}

// Examine gathers the evidence and judges it, for a caller that holds the lock. live lists the ranges that
// mappings reach over; it is asked where the heads name a far header.
func Examine(dev header.Device, heads header.Heads, head luks2.Copy,
	live func() ([]luks2.Extent, error),
) (Status, error) {
	e := Gather(dev, head)
	f := Status{Token: e.Token, HasToken: e.HasToken, Recorded: e.Recorded, Severed: e.Severed}
	if e.Recorded.State >= Foreign && e.Recorded.Of(head) {
		source, err := Gathered(dev, heads, head, e.Recorded)
		if err != nil {
			return f, err
		}
		f.Damaged = damaged(e.Recorded, source.Bytes, head)
		if e.Recorded.State == Whole {
			if e.Want, err = source.Build(head, &e.Recorded); err != nil {
				return f, err
			}
			f.Want = e.Want
		}
	}
	f.Left = e.Recorded.Left(dev, head)
	if body, found := Severed(dev, head, e.Token.Far); found {
		f.Unclear = body.Unclear(dev, head)
	}
	if !e.Token.Far.None() {
		var err error
		if e.Live, err = live(); err != nil {
			return f, err
		}
	}
	f.Judgement = Judge(e)
	return f, nil
}

// damaged are the keyslots that Damage and LastCopy find.
func damaged(f Found, source []byte, head luks2.Copy) []int {
	ids := f.Damage(source, head)
	var last *LastCopyError
	if errors.As(f.LastCopy(source, head), &last) {
		ids = append(ids, last.Keyslots...)
	}
	sort.Ints(ids)
	return slices.Compact(ids)
}
