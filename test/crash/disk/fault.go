// SPDX-License-Identifier: Apache-2.0

package disk

import "fmt"

// Call is a kind of call to a device.
type Call int

// The calls.
const (
	Read Call = iota
	Write
	Sync
)

func (c Call) String() string { return [...]string{"read", "write", "flush"}[c] }

// Action is what a Fault does to a call.
type Action int

// The actions.
const (
	None     Action = iota
	Fail            // EIO; a write leaves its first Keep sectors, a flush leaves all pending writes in doubt
	Drop            // a write is acknowledged and never happens
	Lie             // as Drop, and reads show what was written until the power is cut
	Misplace        // a write is acknowledged and lands Shift sectors away
	Unplug          // this call and all later ones fail with ENODEV
)

func (a Action) String() string {
	return [...]string{"nothing", "EIO", "drop", "drop and lie", "misplace", "unplug"}[a]
}

// Fault changes what the Nth call of a kind does (N counts from 0), and all later ones of that kind if
// Sticky. The zero Fault changes nothing.
type Fault struct {
	Call   Call
	N      int
	Do     Action
	Sticky bool
	Keep   int   // sectors
	Shift  int64 // sectors
}

func (f Fault) String() string {
	text := fmt.Sprintf("%v at %v %d", f.Do, f.Call, f.N)
	if f.Sticky {
		text += " and later"
	}
	if f.Keep != 0 {
		text += fmt.Sprintf(", %d sectors kept", f.Keep)
	}
	if f.Shift != 0 {
		text += fmt.Sprintf(", by %d sectors", f.Shift)
	}
	return text
}

// hits tells whether the fault strikes the nth call of that kind.
func (f Fault) hits(call Call, n int) bool {
	if f.Do == None || f.Call != call {
		return false
	}
	return n == f.N || n > f.N && (f.Sticky || f.Do == Unplug)
}
