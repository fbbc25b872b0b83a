// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Longer makes the keyslots area of next, which is about to take the place of now, longer by size bytes for a while,
// and notes in it that the area gets the length back that it has now: once next is committed, a resize is pending.
// A far header would have to be made anew with it, and nothing is made longer then: far.ErrUnderWay. Other errors:
// a luks2.RoomError where there is no room before the data or the device's end.
func Longer(now luks2.Copy, next *luks2.Metadata, size, deviceSize uint64) error {
	if HasFar(now) {
		return fmt.Errorf("%w: it has a far header of that length", far.ErrUnderWay)
	}
	to := SizesOf(now)
	longer := luks2.AlignUp(to.Keyslots) + luks2.AlignUp(size)
	if longest := layout.Longest(now, deviceSize); longer > longest {
		return &luks2.RoomError{Kind: luks2.KeyslotsArea, Needed: longer, Available: longest}
	}
	next.SetSizes(now.Header.Size, longer)
	return Log{To: to}.put(next)
}

// Forget takes the note of a resize out of metadata from elsewhere, as from a backup.
func Forget(m *luks2.Metadata) error { return drop(m) }
