// SPDX-License-Identifier: Apache-2.0

package disk

// Trace is the record of one operation.
type Trace struct {
	Start        *Image
	Events       []Event
	Acknowledged bool    // the operation returned without an error
	Hit          []Range // what was written by a fault, or not written although reads said so
}

// Writes lists the ranges written, in order.
func (t Trace) Writes() []Range {
	var list []Range
	for _, e := range t.Events {
		if e.Call == Write && e.Size == 0 {
			list = append(list, e.Run.Range())
		}
	}
	return list
}

// Epoch is the stretch between two flushes: its writes may or may not persist, each sector by itself,
// while what came before does.
type Epoch struct {
	Durable *Image // what persists in any case
	Doubt   int    // the first Doubt runs of Pending were written before a flush that failed
	Pending []Run
	Last    bool // nothing follows: the operation has returned
}

// Epochs divides the trace. The last epoch is there even without writes. Runs in doubt after a
// failed flush are pending in every later epoch too: no later flush makes them durable.
func (t Trace) Epochs() []Epoch {
	var list []Epoch
	now := Epoch{Durable: t.Start.flat()}
	for _, e := range t.Events {
		switch {
		case e.Size != 0: // whatever was written before, the device is found with its new size
			now.Durable = now.Durable.Sized(e.Size)
		case e.Call == Write:
			now.Pending = append(now.Pending, e.Run)
		case e.Failed:
			now.Doubt = len(now.Pending)
		default:
			list = append(list, now)
			now = now.next()
		}
	}
	now.Last = true
	return append(list, now)
}

// next is the epoch after a flush that succeeded. Sectors in doubt that were written again
// since are durable in their later version.
func (e Epoch) next() Epoch {
	fresh := e.Pending[e.Doubt:]
	n := Epoch{Durable: e.Durable.With(fresh...).flat()}
	for _, run := range e.Pending[:e.Doubt] {
		kept := run.Only(func(i int) bool { return !written(fresh, run.First+int64(i)) })
		n.Pending = append(n.Pending, kept)
	}
	n.Doubt = len(n.Pending)
	return n
}

func written(runs []Run, number int64) bool {
	for _, r := range runs {
		if r.at(number) != nil {
			return true
		}
	}
	return false
}

// After returns the image once all writes have reached the device.
func (t Trace) After() *Image {
	epochs := t.Epochs()
	last := epochs[len(epochs)-1]
	return last.Durable.With(last.Pending...)
}
