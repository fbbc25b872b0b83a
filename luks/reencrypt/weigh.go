// SPDX-License-Identifier: Apache-2.0

package reencrypt

import (
	"fmt"
	"io"
)

// Count says how many units of the hot zone are what the area recorded.
type Count struct {
	Units uint64 `json:"units"`
	Old   uint64 `json:"old"`
}

// Weigh holds the hot zone on the data device against its record, without a key. Errors: those of Zone and of
// reading.
func (r *Run) Weigh(area, data io.ReaderAt) (Count, error) {
	z, err := r.Zone(area)
	if err != nil {
		return Count{}, err
	}
	c := Count{Units: z.Units()}
	for i := range c.Units {
		start, size := z.extent(i)
		unit, err := readFull(data, z.Offset+start, size)
		if err != nil {
			return c, fmt.Errorf("hot zone: %w", err)
		}
		old, err := z.Old(i, unit)
		if err != nil {
			return c, fmt.Errorf("resilience area: %w", err)
		}
		if old {
			c.Old++
		}
	}
	return c, nil
}

// Weighed is the verdict with what the hot zone and its record say of each other.
func (v Verdict) Weighed(c Count) Verdict {
	if v.State != Hot || v.Run.beside() {
		return v
	}
	v.Count = &c
	switch v.Heads {
	case NotWritten:
		v.weighNotWritten(c)
	case Alone:
		v.weighAlone(c)
	}
	return v
}

func (v *Verdict) weighNotWritten(c Count) {
	switch c.Old {
	case c.Units:
		v.Reason += "; its record agrees"
	case 0:
		v.Reason += "; its record is that of another zone, and recovering from that would lose this one"
	default:
		v.Heads, v.Step, v.Before = Settled, Recover, nil
		v.Reason += fmt.Sprintf("; but %d of its %d units are new by its record, so that the other head is the one "+
			"that is wrong", c.Units-c.Old, c.Units)
	}
}

func (v *Verdict) weighAlone(c Count) {
	if c.Old > 0 {
		v.Step = Recover
		v.Reason += fmt.Sprintf("; its record is genuine: %d of %d units are as it has them", c.Old, c.Units)
		return
	}
	v.Reason += "; no unit is as its record has it, so that either all of it is new or the record " +
		"is that of another zone"
}
