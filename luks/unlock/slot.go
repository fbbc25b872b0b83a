// SPDX-License-Identifier: Apache-2.0

package unlock

// Slot is a keyslot that is named, or left open; the zero value leaves it open.
type Slot struct{ beyond int } // the number and one

// At names a keyslot. AnyKeyslot leaves it open.
func At(id int) Slot { return Slot{id + 1} }

// Open tells whether no keyslot is named.
func (s Slot) Open() bool { return s.beyond == 0 }

// Or is the number of the keyslot that is named, or id where none is.
func (s Slot) Or(id int) int {
	if s.Open() {
		return id
	}
	return s.beyond - 1
}
