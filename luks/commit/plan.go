// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Stage is what is written together: its areas in their order, then one sync, then all are read back. The
// next stage begins only after that.
type Stage struct {
	Areas []Area
	// Firm: others go by it, as by a head, a locator, or a sector of a LUKS1 header.
	Firm bool
	// Holds is the state that heads are put back with where a write of this stage went elsewhere and hit both;
	// none without Metadata.
	Holds luks2.Copy
}

// Plan is every write, in the order in which they are safe.
type Plan struct{ Stages []Stage }

// Extents lists what the plan writes, in bytes and in the order of writing.
func (p Plan) Extents() []luks2.Extent {
	var list []luks2.Extent
	for _, s := range p.Stages {
		list = append(list, extents(s.Areas)...)
	}
	return list
}

// String tells each write on a line of its own.
func (p Plan) String() string {
	text := ""
	for _, s := range p.Stages {
		for _, a := range s.Areas {
			text += fmt.Sprintf("%s: bytes %d to %d\n", a.What, a.Offset, a.Extent().End()-1)
		}
	}
	return text
}

func (p *Plan) add(s ...Stage) { p.Stages = append(p.Stages, s...) }

// loose adds a stage for each area.
func (p *Plan) loose(holds luks2.Copy, areas ...Area) {
	for _, a := range areas {
		p.add(Stage{Areas: []Area{a}, Holds: holds})
	}
}

// heads adds one copy after the other.
func (p *Plan) heads(h header.Plan) {
	for _, w := range h.Writes {
		p.head(w, h.Now)
	}
}

// head writes the JSON first and the binary header, with the checksum, last.
func (p *Plan) head(w header.Write, holds luks2.Copy) {
	what := w.Place.String() + " header"
	if w.Blank {
		p.loose(holds, Area{what, w.Offset, make([]byte, luks2.BinarySize)})
	}
	p.add(Stage{
		Areas: []Area{
			{what, w.Offset + luks2.BinarySize, w.Bytes[luks2.BinarySize:]},
			{what, w.Offset, w.Bytes[:luks2.BinarySize]},
		},
		Firm: true, Holds: holds,
	})
}

// sectors adds the sectors of a LUKS1 header, each durable before the next.
func (p *Plan) sectors(writes []luks1.Write) {
	for _, w := range writes {
		p.add(Stage{Areas: []Area{{"LUKS1 header", uint64(w.Offset), w.Data}}, Firm: true})
	}
}

// Apply carries a plan out, and stops at the first error: the stages not yet reached are then as they were.
// What was there before is made durable first: see settle.
func Apply(dev header.Device, p Plan) error {
	if err := settle(dev); err != nil {
		return err
	}
	return applySettled(dev, p)
}

// applySettled is Apply where what was read is known to be durable.
func applySettled(dev header.Device, p Plan) error {
	for _, s := range p.Stages {
		if err := write(dev, s); err != nil {
			return salvage(dev, err, s.Holds)
		}
	}
	return nil
}

// salvage is for an error of any write, which it returns. After an ErrReadBack it puts c to both places again
// where no valid copy is left: a write that went elsewhere may have hit the head that was to hold. Both
// copies get fresh salts. A c without Metadata is none, and nothing is written.
func salvage(dev header.Device, failed error, c luks2.Copy) error {
	if !errors.Is(failed, ErrReadBack) || c.Metadata == nil {
		return failed
	}
	if _, err := header.Choose(header.Read(dev)); !errors.Is(err, header.ErrNoHeader) {
		return failed
	}
	heads, err := header.PlanFormat(c, rand.Reader)
	if err != nil {
		return errors.Join(failed, err)
	}
	var p Plan
	p.heads(heads)
	return errors.Join(failed, Apply(dev, p))
}
