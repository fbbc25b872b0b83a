// SPDX-License-Identifier: Apache-2.0

package udev

import "sync/atomic"

// Stats counts what became of messages since the monitor was opened.
type Stats struct {
	Delivered uint64 // returned by Receive
	Filtered  uint64 // no match selects them; what the kernel's filter drops is not counted
	Forged    uint64 // from a sender that may not speak to the group
	Truncated uint64 // longer than the buffer; followed by an Overrun
	Malformed uint64 // not in the group's format
	Overruns  uint64 // times the socket's buffer was full; how many events were lost is not known
	Discarded uint64 // received after an overrun and before it was reported, so part of the loss
}

// tally is Stats while it is written to by the receiver and read by others.
type tally struct {
	delivered, filtered, forged, truncated, malformed, overruns, discarded atomic.Uint64
}

// Stats returns the counts. It may be called at any time by any goroutine.
func (m *Monitor) Stats() Stats {
	return Stats{
		Delivered: m.tally.delivered.Load(),
		Filtered:  m.tally.filtered.Load(),
		Forged:    m.tally.forged.Load(),
		Truncated: m.tally.truncated.Load(),
		Malformed: m.tally.malformed.Load(),
		Overruns:  m.tally.overruns.Load(),
		Discarded: m.tally.discarded.Load(),
	}
}
