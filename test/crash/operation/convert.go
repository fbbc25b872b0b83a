// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"context"
	"encoding/binary"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

// conversions go both ways, with room beside the keyslots and without.
func conversions() []change {
	few := both(addKey(3, vectors.K1))
	// Disabled keyslots are in the second sector of the header only.
	many := both(addKey(1, vectors.K1), addKey(2, fresh), addKey(3, vectors.K1), addKey(4, fresh),
		addKey(5, vectors.K1))
	list := []change{
		{name: "convert to LUKS2", prepare: few, run: convertTo(2)},
		{name: "convert to LUKS2 without room", prepare: both(few, withPayload, convertTo1Again), run: convertTo(2)},
		{name: "convert to LUKS2 with few keyslots free", prepare: both(many, withPayload), run: convertTo(2), dear: 4},
		{name: "convert to LUKS1", prepare: both(few, convertTo(2)), run: convertTo(1)},
		{name: "convert to LUKS1 without room", prepare: both(few, withPayload, convertTo(2)), run: convertTo(1)},
		{
			name: "convert to LUKS1 with few keyslots free", prepare: both(many, withPayload, convertTo(2)),
			run: convertTo(1), dear: 4,
		},
	}
	for i := range list {
		list[i].volume, list[i].moves = first, true
	}
	return list
}

// convert makes a judge one of a conversion: the heads of both formats count.
func (j *judge) convert(after *disk.Image) {
	j.moves = true
	if v, err := load(after); err == nil { // newJudge has loaded it before
		j.heads = append(j.heads, heads(v)...)
	}
}

// both takes steps one after the other.
func both(steps ...step) step {
	return func(v *luks.Volume, key *luks.Key) error {
		for _, s := range steps {
			if err := s(v, key); err != nil {
				return err
			}
		}
		return nil
	}
}

func convertTo(version int) step {
	return func(v *luks.Volume, _ *luks.Key) error { return v.Convert(context.Background(), version) }
}

// convertTo1Again makes a LUKS1 volume one that was LUKS2 in between.
func convertTo1Again(v *luks.Volume, key *luks.Key) error {
	return both(convertTo(2), convertTo(1))(v, key)
}

// tight is where the data of a LUKS1 volume with 256-bit keys begins if there is room for LUKS2's
// heads and eight keyslots before it and for nothing else, 512-byte sectors.
const tight = 64 + 8*256

// withPayload lets the data begin there. What the data is does not matter here.
func withPayload(v *luks.Volume, _ *luks.Key) error {
	const payloadOffset = 104 // bytes
	p := make([]byte, disk.SectorSize)
	if _, err := v.Device().ReadAt(p, 0); err != nil {
		return err
	}
	binary.BigEndian.PutUint32(p[payloadOffset:], tight)
	if _, err := v.Device().WriteAt(p, 0); err != nil {
		return err
	}
	return v.Reload(context.Background())
}
