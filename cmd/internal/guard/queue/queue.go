// SPDX-License-Identifier: Apache-2.0

// Package queue decides when which device is looked at: not before it has been quiet for a moment,
// not later than a bound however much it is talked about, and never twice at once. It has no clock of
// its own: every call is told the time.
package queue

import "time"

// Queue holds each device at most once. The zero value is empty; it is for one goroutine at a time.
type Queue struct {
	Settle time.Duration // quiet time before a device is due
	Limit  time.Duration // longest delay of a device that is never quiet

	waiting map[string]entry
	running map[string]time.Duration // when after its end the device was asked for again; notAgain where it was not
}

const notAgain = -1

type entry struct {
	first, due time.Time
}

// Add asks for a look at a device.
func (q *Queue) Add(device string, now time.Time) { q.AddAfter(device, now, q.Settle) }

// AddAfter asks for a look after a delay of its own; a look that is due earlier stays.
func (q *Queue) AddAfter(device string, now time.Time, delay time.Duration) {
	if before, busy := q.running[device]; busy {
		if delay = max(delay, q.Settle); before == notAgain || delay < before {
			q.running[device] = delay
		}
		return
	}
	if q.waiting == nil {
		q.waiting = map[string]entry{}
	}
	e, known := q.waiting[device]
	switch {
	case !known:
		e = entry{first: now, due: now.Add(delay)}
	case delay == q.Settle:
		e.due = now.Add(delay)
		if last := e.first.Add(q.Limit); e.due.After(last) {
			e.due = last
		}
	case now.Add(delay).Before(e.due):
		e.due = now.Add(delay)
	}
	q.waiting[device] = e
}

// Next takes out a device that is due; it counts as running until Done. Where none is due, wait is
// how long until one is, or 0 where nothing waits.
func (q *Queue) Next(now time.Time) (device string, wait time.Duration, due bool) {
	var first entry
	for d, e := range q.waiting {
		if device == "" || e.due.Before(first.due) || e.due.Equal(first.due) && d < device {
			device, first = d, e
		}
	}
	if device == "" {
		return "", 0, false
	}
	if first.due.After(now) {
		return "", first.due.Sub(now), false
	}
	delete(q.waiting, device)
	if q.running == nil {
		q.running = map[string]time.Duration{}
	}
	q.running[device] = notAgain
	return device, 0, true
}

// Done ends a look; if the device was asked for meanwhile, it waits again.
func (q *Queue) Done(device string, now time.Time) {
	again, busy := q.running[device]
	delete(q.running, device)
	if busy && again != notAgain {
		q.AddAfter(device, now, again)
	}
}

// Len counts the devices that wait and those that are looked at.
func (q *Queue) Len() (waiting, running int) { return len(q.waiting), len(q.running) }
