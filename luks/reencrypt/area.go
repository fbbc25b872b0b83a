// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"bytes"
	"errors"
	"fmt"
	"hash"
	"io"
	"math"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// protection is what keeps the old data of the zone that is hot.
type protection int

const (
	byNothing  protection = iota
	byChecksum            // hashes in the area
	byJournal             // a copy in the area
	byShift               // the data themselves, one shift away
)

// protects says how a zone that begins at that byte of the data is protected.
func (r *Run) protects(start uint64) protection {
	kind := r.Area.Type
	if rest, found := strings.CutPrefix(kind, "datashift-"); found && start == 0 && r.Moved != nil {
		kind = rest
	} else if r.shifts() {
		return byShift
	}
	switch kind {
	case "checksum":
		return byChecksum
	case "journal":
		return byJournal
	}
	return byNothing
}

// unit is how many bytes of the zone are old or new as one.
func (r *Run) unit() uint64 {
	if strings.HasSuffix(r.Area.Type, "checksum") {
		return uint64(r.UnitSize)
	}
	return uint64(max(r.Old.SectorSize, r.New.SectorSize, 512))
}

// Zone reads the resilience area of a hot zone, unit by unit.
type Zone struct {
	Offset, Size uint64 // on the data device, bytes: where the zone is rewritten
	Unit         uint64 // bytes
	area         io.ReaderAt
	at           uint64 // of the area on the header's device
	sum          func() hash.Hash
	length       uint64 // of one checksum, bytes
}

// Zone returns the hot zone's record in the resilience area. area is the header's device. Errors: ErrNoEvidence
// where the area records nothing of it, a ForeignError where the record does not fit the area.
func (r *Run) Zone(area io.ReaderAt) (*Zone, error) {
	hot := r.Hot()
	if hot == nil {
		return nil, ErrNoEvidence
	}
	z := &Zone{Offset: hot.Offset, Size: hot.Size, Unit: r.unit(), area: area, at: r.Area.Offset}
	record := hot.Size
	switch r.protects(hot.Start) {
	case byChecksum:
		var err error
		if z.sum, err = hashalg.Factory(r.Hash); err != nil {
			return nil, fmt.Errorf("resilience area: %w", err)
		}
		z.length = uint64(z.sum().Size())
		record = z.Units() * z.length // a checksum is shorter than its unit
	case byJournal:
	default:
		return nil, ErrNoEvidence
	}
	if record > r.Area.Size || r.Area.End() > math.MaxInt64 {
		return nil, foreign(member("keyslots", r.Keyslot)+".area", "too short for the record of the hot zone")
	}
	return z, nil
}

// Units is how many units the zone has; the last one may be shorter.
func (z *Zone) Units() uint64 { return (z.Size-1)/z.Unit + 1 }

// extent of a unit in the zone, bytes.
func (z *Zone) extent(i uint64) (start, size uint64) {
	start = i * z.Unit
	return start, min(z.Unit, z.Size-start)
}

// Old tells whether unit i, whose bytes on the disk are given, is what the area recorded. Errors are those of
// reading the area.
func (z *Zone) Old(i uint64, unit []byte) (bool, error) {
	if z.sum == nil {
		was, err := z.Journal(i)
		return bytes.Equal(was, unit), err
	}
	record, err := z.record(i*z.length, z.length)
	if err != nil {
		return false, err
	}
	h := z.sum()
	h.Write(unit)
	return bytes.Equal(h.Sum(nil), record), nil
}

// Journal returns the old ciphertext of unit i; ErrNoEvidence where the area has checksums only.
func (z *Zone) Journal(i uint64) ([]byte, error) {
	if z.sum != nil {
		return nil, ErrNoEvidence
	}
	start, size := z.extent(i)
	return z.record(start, size)
}

// Record is what the area is to hold for a zone whose old ciphertext is given, from area.offset on.
func (z *Zone) Record(old []byte) []byte {
	if z.sum == nil {
		return bytes.Clone(old)
	}
	record := make([]byte, 0, z.Units()*z.length)
	for i := range z.Units() {
		start, size := z.extent(i)
		h := z.sum()
		h.Write(old[start : start+size])
		record = h.Sum(record)
	}
	return record
}

func (z *Zone) record(at, size uint64) ([]byte, error) {
	return readFull(z.area, z.at+at, size)
}

func readFull(from io.ReaderAt, at, size uint64) ([]byte, error) {
	p := make([]byte, size)
	n, err := from.ReadAt(p, int64(at))
	switch {
	case n == len(p):
		return p, nil
	case err == nil, errors.Is(err, io.EOF):
		return nil, io.ErrUnexpectedEOF
	}
	return nil, err
}

// recordedUnits is how many checksums the area has room for.
func (r *Run) recordedUnits() uint64 {
	size, err := hashalg.Size(r.Hash)
	if err != nil {
		return 0
	}
	return r.Area.Size / uint64(size)
}
