// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Longer makes the keyslots area of next, which is about to take the place of now, longer by size bytes for a while,
// and notes in it that the area gets the length back that it has now, or that a resize is about to give it: once next
// is committed, a resize is pending.
// A far header would have to be made anew with it, and nothing is made longer then: far.ErrUnderWay. Other errors:
// a luks2.RoomError where there is no room before the data or the device's end.
func Longer(now luks2.Copy, next *luks2.Metadata, size, deviceSize uint64) error {
	if HasFar(now) {
		return fmt.Errorf("%w: it has a far header of that length", far.ErrUnderWay)
	}
	to := SizesOf(now)
	longer := luks2.AlignUp(to.Keyslots) + luks2.AlignUp(size)
	if log, found := sameHeads(now); found {
		to = log.To
	}
	if longest := layout.Longest(now, deviceSize); longer > longest {
		return &luks2.RoomError{Kind: luks2.KeyslotsArea, Needed: longer, Available: longest}
	}
	next.SetSizes(now.Header.Size, longer)
	return Log{To: to}.put(next)
}

// GoOn gives metadata from elsewhere, as from a backup, that are about to take the place of now, the note of the resize
// that now is in the middle of, and takes out what they note themselves. A resize that cannot be concluded on them, or
// that gives the heads another length, is forgotten.
func GoOn(now, next luks2.Copy, deviceSize uint64) error {
	if err := drop(next.Metadata); err != nil {
		return err
	}
	log, found := sameHeads(now)
	if !found || (Log{To: log.To}).put(next.Metadata) != nil {
		return nil
	}
	if _, err := PlanResize(next, log.To, layout.Limit(next, deviceSize)); err != nil {
		return drop(next.Metadata)
	}
	return nil
}

// sameHeads is the note of a resize of the keyslots area alone.
func sameHeads(c luks2.Copy) (Log, bool) {
	log, _, found, err := FindLog(c.Metadata)
	return log, found && err == nil && log.To.Header == c.Header.Size
}
