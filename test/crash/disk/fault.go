// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"fmt"
	"syscall"
)

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
	None Action = iota
	Fail
	Drop
	Lie
	Misplace
	Unplug
	Resize
)

// effect is what an action does.
type effect struct {
	name   string
	strike func(d *Recorder)          // before the call; nil for nothing
	refuse error                      // with which the call ends before it does anything
	write  func(d *Recorder, run Run) // what becomes of a write
	fails  error                      // with which the call ends; a flush leaves all pending writes in doubt
}

var effects = [...]effect{
	None: {name: "nothing", write: (*Recorder).land},
	// A write leaves its first Keep sectors.
	Fail: {name: "EIO", write: (*Recorder).tear, fails: syscall.EIO},
	// A write is acknowledged and never happens.
	Drop: {name: "drop", write: (*Recorder).drop},
	// As Drop, and reads show what was written until the power is cut.
	Lie: {name: "drop and lie", write: (*Recorder).lie},
	// A write is acknowledged and lands Shift sectors away.
	Misplace: {name: "misplace", write: (*Recorder).misplace},
	// This call and all later ones fail.
	Unplug: {name: "unplug", strike: (*Recorder).unplug, refuse: syscall.ENODEV},
	// Before this call the device comes to have Size bytes.
	Resize: {name: "resize", strike: (*Recorder).resize, write: (*Recorder).land},
}

func (a Action) String() string { return effects[a].name }

func (d *Recorder) tear(run Run) { d.land(run.Part(0, min(d.fault.Keep, run.Len()))) }

func (d *Recorder) drop(Run) {}

func (d *Recorder) lie(run Run) {
	d.hit = append(d.hit, run.Range())
	d.show(run)
}

// misplace lands the run elsewhere, cut at the ends of the device.
func (d *Recorder) misplace(run Run) {
	moved := Run{First: run.First + d.fault.Shift}
	for i, s := range run.Sectors {
		number := moved.First + int64(i)
		if number < 0 || number*SectorSize >= d.size {
			moved.Sectors = append(moved.Sectors, nil)
			continue
		}
		moved.Sectors = append(moved.Sectors, newSector(number, s.data[:]))
	}
	d.hit = append(d.hit, moved.Range())
	d.land(moved)
}

func (d *Recorder) unplug() { d.gone = true }

func (d *Recorder) resize() {
	d.size = d.fault.Size
	d.events = append(d.events, Event{Size: d.size})
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
