// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"io"
	"math"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/fault"
)

// Piece is a range of the data with its place on the data device. All numbers are bytes.
//
// An old or a new piece is read and written at Offset, under the cipher and key of that end of the run; the IV
// number of its first sector is Start/512. Of a hot one, Offset is where the new data go and Was where the old ones
// came from; it is read as Plaintext does, and not written before it was recovered.
type Piece struct {
	Start, Size uint64
	Side        Side
	Offset      uint64
	Was         uint64 // hot pieces only
}

// Pieces lists the data from their start, on a data device of that size. The error is a fault.GeometryError where
// the device is too small.
func (r *Run) Pieces(device uint64) ([]Piece, error) {
	var list []Piece
	for i := range r.Parts {
		p := &r.Parts[i]
		one := Piece{Start: p.Start, Size: p.Size, Side: p.Side, Offset: p.Offset}
		if p.Dynamic && p.Offset <= device {
			one.Size = extent.Down(device-p.Offset, uint64(max(p.SectorSize, 512)))
		}
		if p.Side == Between {
			one.Was = r.source(p)
		}
		if !one.fits(device) {
			return nil, fault.Geometry("device", "%d bytes, and segment %d ends behind them", device, p.ID)
		}
		if one.Size > 0 {
			list = append(list, one)
		}
	}
	return list, nil
}

// fits tells whether the piece lies on a device of that size, and its bytes have numbers of 63 bits.
func (p *Piece) fits(device uint64) bool {
	for _, at := range [...]uint64{p.Offset, p.Was} {
		if e := (extent.Extent{Offset: at, Size: p.Size}); !e.Fits(device) {
			return false
		}
	}
	return extent.Extent{Offset: p.Start, Size: p.Size}.Fits(math.MaxInt64)
}

// source is where the old data of the hot zone lie, on the data device: where they always were, but for a first
// piece that was put aside.
func (r *Run) source(hot *Part) uint64 {
	if hot.Start == 0 && r.Moved != nil {
		return r.Moved.Offset
	}
	return r.Old.Offset + hot.Start
}

// Readable lists the data as pieces that are old or new, a hot zone too, for who reads them and writes nothing. Errors:
// those of Pieces, Mender, Mender.Readable and of Verify; ErrUnknowable where the run is not to be read.
func (v Verdict) Readable(area, data io.ReaderAt, device uint64, keys Keys) (*Run, []Piece, error) {
	run, err := v.readable()
	if err != nil {
		return nil, nil, err
	}
	pieces, err := run.Pieces(device)
	if err != nil || run.Hot() == nil {
		return run, pieces, err
	}
	m, err := run.Mender(area, data, keys)
	if err != nil {
		return nil, nil, err
	}
	defer m.Close()
	hot, err := m.Readable()
	if err != nil {
		return nil, nil, err
	}
	var list []Piece
	for _, p := range pieces {
		if p.Side == Between {
			list = append(list, hot...)
		} else {
			list = append(list, p)
		}
	}
	return run, list, nil
}
