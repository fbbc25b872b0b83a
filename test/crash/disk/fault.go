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
	Resize          // before this call the device comes to have Size bytes
)

func (a Action) String() string {
	return [...]string{"nothing", "EIO", "drop", "drop and lie", "misplace", "unplug", "resize"}[a]
}

// Fault changes what the Nth call of a kind does (N counts from 0) and the Times-1 that follow it, or
// all that follow it if Sticky. With a range Where only calls that touch it count. The zero
// Fault changes nothing.
type Fault struct {
	Call   Call
	N      int
	Do     Action
	Where  Range // empty: everywhere
	Times  int   // 0 as 1
	Sticky bool
	Keep   int   // sectors
	Shift  int64 // sectors
	Size   int64 // bytes
}

func (f Fault) String() string {
	text := fmt.Sprintf("%v at %v %d", f.Do, f.Call, f.N)
	if f.Where.Length > 0 {
		text += fmt.Sprintf(" of %d bytes at %d", f.Where.Length, f.Where.Offset)
	}
	if f.Times > 1 {
		text += fmt.Sprintf(", %d times", f.Times)
	}
	if f.Sticky {
		text += " and later"
	}
	if f.Keep != 0 {
		text += fmt.Sprintf(", %d sectors kept", f.Keep)
	}
	if f.Shift != 0 {
		text += fmt.Sprintf(", by %d sectors", f.Shift)
	}
	if f.Do == Resize {
		text += fmt.Sprintf(", to %d bytes", f.Size)
	}
	return text
}

// counts tells whether a call counts towards N.
func (f Fault) counts(call Call, r Range) bool {
	return f.Do != None && f.Call == call && (f.Where.Length == 0 || f.Where.Overlaps(r))
}

// hits tells whether the fault strikes the nth call that counts.
func (f Fault) hits(n int) bool {
	return n >= f.N && (f.Sticky || n < f.N+max(f.Times, 1))
}
