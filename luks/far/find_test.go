// SPDX-License-Identifier: Apache-2.0

package far

import (
	"errors"
	"io"
	"testing"
)

var errSector = errors.New("the sector cannot be read")

// halfRead is a device on which one slot cannot be read. Offsets are those of the example's place.
type halfRead struct {
	contents map[uint64][]byte // by offset
	bad      uint64            // offset of what cannot be read; 0: nothing
}

func (d halfRead) ReadAt(p []byte, off int64) (int, error) {
	if d.bad != 0 && uint64(off) == d.bad {
		return 0, errSector
	}
	if _, ok := d.contents[uint64(off)]; !ok {
		return 0, io.EOF
	}
	return copy(p, d.contents[uint64(off)]), nil
}

// An unread slot may be the newer one: a body that the other slot does not account for is then not known
// to be somebody else's.
func TestASlotThatCannotBeReadLeavesAForeignBodyUnsure(t *testing.T) {
	c := Contents{3, []Part{part(0, unit, "a"), part(unit, unit, "b")}}
	body := bodyOf(&c)
	final := example()
	final.Contents, final.Generation, final.Place.Body.Size = c, 4, uint64(len(body))
	place := final.Place
	other := append([]byte{body[0] ^ 1}, body[1:]...)
	for _, test := range []struct {
		name string
		bad  uint64
		body []byte
		want State
	}{
		{"all read", 0, body, Whole},
		{"all read, other body", 0, other, Foreign},
		{"unread slot", place.Locator + SlotDistance, body, Whole},
		{"unread slot, other body", place.Locator + SlotDistance, other, Unreadable},
	} {
		f := Read(halfRead{map[uint64][]byte{
			place.Locator: encoded(t, final), place.Locator + SlotDistance: make([]byte, SlotSize), place.Body.Offset: test.body,
		}, test.bad}, place)
		if f.State != test.want || (f.State == Unreadable) != errors.Is(f.Err, errSector) {
			t.Errorf("%s: %v, %v", test.name, f.State, f.Err)
		}
	}
}
