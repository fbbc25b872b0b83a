// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
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
	for _, p := range r.Parts {
		one := Piece{Start: p.Start, Size: p.Size, Side: p.Side, Offset: p.Offset}
		if p.Offset > device || !p.Dynamic && p.Size > device-p.Offset {
			return nil, fault.Geometry("device", "%d bytes, segment %d ends at %d", device, p.ID, p.Extent().End())
		}
		if p.Dynamic {
			one.Size = extent.Down(device-p.Offset, uint64(max(p.SectorSize, 512)))
		}
		if p.Side == Between {
			one.Was = r.source(p)
			if one.Was > device || p.Size > device-one.Was {
				return nil, fault.Geometry("device", "%d bytes, the old data of segment %d end at %d", device, p.ID,
					extent.Extent{Offset: one.Was, Size: p.Size}.End())
			}
		}
		if one.Size > math.MaxInt64-min(p.Start, math.MaxInt64) {
			return nil, fault.Geometry("data", "segment %d ends past 63 bits", p.ID)
		}
		if one.Size > 0 {
			list = append(list, one)
		}
	}
	return list, nil
}

// source is where the old data of the hot zone lie, on the data device: where they always were, but for a first
// piece that was put aside.
func (r *Run) source(hot Part) uint64 {
	if hot.Start == 0 && r.Moved != nil {
		return r.Moved.Offset
	}
	return r.Old.Offset + hot.Start
}

// Progress is how many bytes of the data are new; exact is false where the rest of them, up to the device's end,
// counts as new as well.
func (r *Run) Progress() (done uint64, exact bool) {
	exact = true
	for _, p := range r.Parts {
		if p.Side == New {
			done += p.Size
			exact = exact && !p.Dynamic
		}
	}
	return done, exact
}
