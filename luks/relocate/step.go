// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Step is one step of a transaction. What it writes is durable and was read back before the next one
// begins.
type Step struct {
	What   string         // for people: "move the area of keyslot 3"
	Writes []luks2.Extent // bytes, in the order of writing
	act    action
}

func (s Step) String() string {
	if len(s.Writes) == 0 {
		return s.What
	}
	text := s.What + ": "
	for i, w := range s.Writes {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprintf("bytes %d to %d", w.Offset, w.End()-1)
	}
	return text
}

// action carries out a step.
type action interface {
	run(s *session) error
}

// heads brings the same metadata to both heads, which keep their places.
func heads(what string, next luks2.Copy) Step {
	size := next.Header.Size
	return Step{what, []luks2.Extent{{Size: size}, {Offset: size, Size: size}}, commitHeads{next}}
}

// copyTo writes material to its next place.
func copyTo(m move) Step {
	what := fmt.Sprintf("copy the area of keyslot %d from byte %d", m.keyslot, m.from.Offset)
	return Step{what, []luks2.Extent{m.to}, copyArea{m}}
}

// wipe overwrites what nothing names any more.
func wipe(what string, ranges []luks2.Extent) Step {
	return Step{what, ranges, wipeRanges{what, ranges}}
}

// exchange writes heads of another size: the secondary, which lies in free room, then zeros over the
// old secondary's binary header, then the primary.
func exchange(what string, old uint64, next luks2.Copy) Step {
	size := next.Header.Size
	return Step{
		what,
		[]luks2.Extent{{Offset: size, Size: size}, {Offset: old, Size: luks2.BinarySize}, {Size: size}},
		exchangeHeads{old, next},
	}
}

// Call is a step that somebody else carries out: it writes nothing on the device.
func Call(what string, do func() error) Step { return Step{What: what, act: call{do}} }

type call struct{ do func() error }

func (c call) run(*session) error { return c.do() }

// DataAfter is how long the data segment is after the steps, in bytes: what the last commit says.
func DataAfter(steps []Step) uint64 {
	size := uint64(0)
	for _, s := range steps {
		if c, ok := s.act.(commitHeads); ok {
			size, _ = c.next.Metadata.DataSize()
		}
	}
	return size
}
