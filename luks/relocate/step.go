// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Step is one step of a transaction; see commit.Step.
type Step = commit.Step

// heads brings the same metadata to both heads, which keep their places.
func heads(what string, next luks2.Copy) Step {
	size := next.Header.Size
	return Step{
		What: what, Writes: []luks2.Extent{{Size: size}, {Offset: size, Size: size}},
		Act: commit.Heads{Change: commit.Change{Next: next}},
	}
}

// copyTo writes material to its next place.
func copyTo(m move) Step {
	what := fmt.Sprintf("copy the area of keyslot %d from byte %d", m.keyslot, m.from.Offset)
	return Step{What: what, Writes: []luks2.Extent{m.to}, Act: commit.Copy{Keyslot: m.keyslot, From: m.from, To: m.to}}
}

// wipe overwrites what nothing names any more.
func wipe(what string, ranges []luks2.Extent) Step {
	return Step{What: what, Writes: ranges, Act: commit.Wipe{What: what, Ranges: ranges}}
}

// exchange writes heads of another size: the secondary, which lies in free room, then zeros over the
// old secondary's binary header, then the primary.
func exchange(what string, old uint64, next luks2.Copy) Step {
	step, size := heads(what, next), next.Header.Size
	step.Writes = []luks2.Extent{{Offset: size, Size: size}, {Offset: old, Size: luks2.BinarySize}, {Size: size}}
	return step
}

// Call is a step that somebody else carries out: it writes nothing on the device.
func Call(what string, do func() error) Step { return Step{What: what, Act: commit.Call{Do: do}} }

// DataAfter is how long the data segment is after the steps, in bytes: what the last commit says.
func DataAfter(steps []Step) uint64 {
	size := uint64(0)
	for _, s := range steps {
		if c, ok := s.Act.(commit.Heads); ok {
			size, _ = c.Change.Next.Metadata.DataSize()
		}
	}
	return size
}
