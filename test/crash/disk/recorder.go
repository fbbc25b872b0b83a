// SPDX-License-Identifier: Apache-2.0

package disk

import (
	"cmp"
	"io"
	"maps"
	"syscall"
)

// Event is a write that reached the device, a flush, or a change of the device's size.
type Event struct {
	Call   Call
	Run    Run   // of a write
	Failed bool  // of a flush: what was pending stays in doubt for good
	Size   int64 // where not 0: the device has this many bytes from now on, and Call does not count
}

// Recorder is a device that starts as an image and keeps what happens to it. It is for one
// goroutine.
type Recorder struct {
	start   *Image
	view    draft // what reads see
	size    int64 // bytes
	bad     map[int64]bool
	fault   Fault
	gone    bool
	calls   [3]int
	counted int // calls that count towards the fault
	events  []Event
	hit     []Range
	reads   []Range
}

// NewRecorder returns a device with the contents of start which suffers the fault.
func NewRecorder(start *Image, fault Fault) *Recorder {
	return &Recorder{start: start, view: start.draft(), size: start.Size(), bad: maps.Clone(start.bad), fault: fault}
}

// Size returns the length of the device in bytes.
func (d *Recorder) Size() int64 { return d.size }

// Calls returns how many calls of that kind there were.
func (d *Recorder) Calls(c Call) int { return d.calls[c] }

// Reads lists the ranges that were read, in order.
func (d *Recorder) Reads() []Range { return d.reads }

// strike counts the call and tells what is to happen to it.
func (d *Recorder) strike(c Call, r Range) *effect {
	d.calls[c]++
	if d.gone {
		return &effects[Unplug]
	}
	if !d.fault.counts(c, r) {
		return &effects[None]
	}
	n := d.counted
	d.counted++
	if !d.fault.hits(n) {
		return &effects[None]
	}
	done := &effects[d.fault.Do]
	if done.strike != nil {
		done.strike(d)
	}
	return done
}

// ReadAt reads what was written last.
func (d *Recorder) ReadAt(p []byte, offset int64) (int, error) {
	touched := Range{offset, int64(len(p))}
	d.reads = append(d.reads, touched)
	done := d.strike(Read, touched)
	if err := cmp.Or(done.refuse, done.fails); err != nil {
		return 0, err
	}
	for number := range d.bad {
		if (Range{number * SectorSize, SectorSize}).Overlaps(touched) {
			return 0, syscall.EIO
		}
	}
	return readSectors(p, offset, d.Size(), d.sector)
}

func (d *Recorder) sector(number int64) *Sector { return d.view.at(number) }

// WriteAt records the write. Writes beyond the end are refused with io.ErrShortWrite, whole.
func (d *Recorder) WriteAt(p []byte, offset int64) (int, error) {
	done := d.strike(Write, Range{offset, int64(len(p))})
	if done.refuse != nil {
		return 0, done.refuse
	}
	if offset < 0 || offset+int64(len(p)) > d.Size() {
		return 0, io.ErrShortWrite
	}
	if len(p) == 0 {
		return 0, nil
	}
	done.write(d, makeRow(p, offset, d.sector))
	if done.fails != nil {
		return 0, done.fails
	}
	return len(p), nil
}

// land makes the run part of the device.
func (d *Recorder) land(run Run) {
	if run.Len() == 0 {
		return
	}
	d.events = append(d.events, Event{Call: Write, Run: run})
	d.show(run)
}

func (d *Recorder) show(run Run) {
	d.view.lay(run)
	for i, s := range run.Sectors {
		if s != nil {
			delete(d.bad, run.First+int64(i))
		}
	}
}

// Sync records a flush.
func (d *Recorder) Sync() error {
	done := d.strike(Sync, Range{0, d.Size()})
	if done.refuse != nil {
		return done.refuse
	}
	d.events = append(d.events, Event{Call: Sync, Failed: done.fails != nil})
	return done.fails
}

// Revive ends the fault: whoever used the device was stopped by it, and somebody else goes on with it.
func (d *Recorder) Revive() { d.fault, d.gone = Fault{}, false }

// Trace returns what was recorded. err is what the operation on the device returned: without one, the
// trace counts as acknowledged from its end on.
func (d *Recorder) Trace(err error) Trace {
	return Trace{Start: d.start, Events: d.events, Acknowledged: err == nil, Hit: d.hit}
}
