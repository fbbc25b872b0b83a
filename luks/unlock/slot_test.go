// SPDX-License-Identifier: Apache-2.0

package unlock

import "testing"

func TestTheZeroSlotIsOpen(t *testing.T) {
	if s := (Slot{}); !s.Open() || s.Or(7) != 7 || s != At(AnyKeyslot) {
		t.Errorf("%+v", s)
	}
	for _, id := range []int{0, 1, 31, 32, -2} {
		if s := At(id); s.Open() || s.Or(7) != id {
			t.Errorf("keyslot %d: %+v", id, s)
		}
	}
}
