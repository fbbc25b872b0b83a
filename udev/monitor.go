// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/dm/given"
)

const (
	// defaultBuffer is kernel memory, used as far as messages wait.
	defaultBuffer = 16 << 20
	// maxMessage is room for a message: the kernel's end at 2 KiB plus header, udevd's have lines of
	// up to 16 KiB.
	maxMessage = 64 << 10
	// batch is after how many messages that lead to nothing the context is looked at again.
	batch = 256
)

// Options say what a Monitor listens to.
type Options struct {
	// Source is the group: Udev where udevd runs (see System.UdevRunning), else Kernel, which is the
	// default.
	Source Source
	// Matches select events; those that fit none are dropped. None select everything. At most 256.
	Matches []Match
	// ReceiveBuffer is the size of the socket's buffer in bytes of the kernel's accounting, 16 MiB when
	// zero. Without CAP_NET_ADMIN the kernel cuts it to net.core.rmem_max.
	ReceiveBuffer int
}

// Monitor receives events. Close and Stats may be called at any time; Receive and Events by one
// goroutine at a time.
type Monitor struct {
	options Options
	file    *os.File
	raw     syscall.RawConn
	closed  atomic.Bool
	tally   tally

	data    []byte
	control []byte
	step    func(fd uintptr) bool // m.receive, bound once
	lost    bool                  // an overrun is to be reported when the queue is empty

	outcome outcome // of the last step
}

// outcome is what a step of the monitor found; neither an event nor an error is an interim state.
type outcome struct {
	event Event
	found bool
	err   error
}

// Listen opens a monitor. From then on events are kept until they are received; so listen first and
// coldplug then, and no device is missed. Errors are *Error of kind ErrSocket or ErrMatch.
func Listen(options Options) (*Monitor, error) {
	options = options.withDefaults()
	if err := options.check(); err != nil {
		return nil, err
	}
	fd, err := openSocket(options)
	if err != nil {
		return nil, &Error{"listen", options.Source.String(), ErrSocket, err}
	}
	m := &Monitor{
		options: options,
		file:    os.NewFile(uintptr(fd), "uevent:"+options.Source.String()),
		data:    make([]byte, maxMessage),
		control: make([]byte, 2*unix.CmsgSpace(unix.SizeofUcred)),
	}
	m.step = m.receive
	if m.raw, err = m.file.SyscallConn(); err != nil {
		_ = m.file.Close()
		return nil, &Error{"listen", options.Source.String(), ErrSocket, err}
	}
	return m, nil
}

func (o Options) withDefaults() Options {
	if o.Source == 0 {
		o.Source = Kernel
	}
	if o.ReceiveBuffer == 0 {
		o.ReceiveBuffer = defaultBuffer
	}
	return o
}

func (o Options) check() error {
	switch {
	case o.Source != Kernel && o.Source != Udev:
		return &Error{"listen", o.Source.String(), ErrSocket, os.ErrInvalid}
	case len(o.Matches) > maxMatches:
		return &Error{
			"listen", o.Source.String(), ErrMatch,
			fmt.Errorf("%d matches, at most %d", len(o.Matches), maxMatches),
		}
	}
	return nil
}

// Source returns the group the monitor listens to.
func (m *Monitor) Source() Source { return m.options.Source }

// Close ends the monitor, and a Receive that waits with ErrClosed.
func (m *Monitor) Close() error {
	m.closed.Store(true)
	return m.file.Close()
}

// Receive waits for the next event. What may not be believed or cannot be read is counted in Stats
// and passed over. An Event with Action Overrun means that events were lost: the caller reads the
// state again (System.Coldplug). It is reported once the queue has been emptied, because until then
// the kernel loses more without a word; what was in the queue is part of the loss.
//
// Errors are context.Cause(ctx), ErrClosed, or *Error of kind ErrSocket.
func (m *Monitor) Receive(ctx context.Context) (Event, error) {
	disarm, err := m.arm(ctx)
	if err != nil {
		return Event{}, err
	}
	defer disarm()
	return m.next(ctx)
}

// Events is Receive in a loop, cheaper than one by one. It ends with the first error, which is the
// last thing it yields.
func (m *Monitor) Events(ctx context.Context) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		disarm, err := m.arm(ctx)
		if err != nil {
			yield(Event{}, err)
			return
		}
		defer disarm()
		for {
			e, err := m.next(ctx)
			if !yield(e, err) || err != nil {
				return
			}
		}
	}
}

// arm makes the end of the context end a wait for the socket, until disarm is called.
func (m *Monitor) arm(ctx context.Context) (disarm func(), err error) {
	if m == nil || m.file == nil {
		return nil, ErrClosed
	}
	if err := given.Context(ctx); err != nil {
		return nil, err
	}
	if err := m.file.SetReadDeadline(time.Time{}); err != nil {
		return nil, m.failure(ctx, err)
	}
	done := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(done)
		_ = m.file.SetReadDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-done
		}
	}, nil
}

// next takes steps until one finds something.
func (m *Monitor) next(ctx context.Context) (Event, error) {
	for {
		if ctx.Err() != nil {
			return Event{}, context.Cause(ctx)
		}
		m.outcome = outcome{}
		if err := m.raw.Read(m.step); err != nil {
			return Event{}, m.failure(ctx, err)
		}
		if m.outcome.err != nil {
			return Event{}, m.failure(ctx, m.outcome.err)
		}
		if m.outcome.found {
			m.tally.delivered.Add(1)
			return m.outcome.event, nil
		}
	}
}

func (m *Monitor) failure(ctx context.Context, err error) error {
	switch {
	case m.closed.Load():
		return &Error{"receive", m.options.Source.String(), ErrClosed, nil}
	case ctx.Err() != nil && errors.Is(err, os.ErrDeadlineExceeded):
		return context.Cause(ctx)
	}
	return &Error{"receive", m.options.Source.String(), ErrSocket, err}
}

// receive is one step: it reads until there is something to return, and returns false where only
// waiting helps.
func (m *Monitor) receive(fd uintptr) bool {
	for range batch {
		n, control, flags, from, err := unix.Recvmsg(int(fd), m.data, m.control, unix.MSG_DONTWAIT)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return m.idle()
		case errors.Is(err, unix.EINTR):
		case errors.Is(err, unix.ENOBUFS):
			m.tally.overruns.Add(1)
			m.lost = true
		case err != nil:
			m.outcome.err = fmt.Errorf("recvmsg: %w", err)
			return true
		case m.take(m.data[:n], senderOf(from, m.control[:control], flags)):
			return true
		}
	}
	return true
}

// idle is the empty queue: time to report a loss.
func (m *Monitor) idle() bool {
	if !m.lost {
		return false
	}
	m.lost = false
	m.outcome = outcome{event: Event{Source: m.options.Source, Action: Overrun}, found: true}
	return true
}

// take judges one message; true when it is an event to return.
func (m *Monitor) take(b []byte, s sender) bool {
	switch {
	case !s.trusted(m.options.Source):
		m.tally.forged.Add(1)
	case s.truncated:
		m.tally.truncated.Add(1)
		m.lost = true
	case m.lost:
		m.tally.discarded.Add(1)
	default:
		return m.read(b)
	}
	return false
}

// read turns a message of a trusted sender into an event.
func (m *Monitor) read(b []byte) bool {
	framed, err := split(m.options.Source, b)
	if err != nil {
		m.tally.malformed.Add(1)
		return false
	}
	if !selects(m.options.Matches, framed.properties) {
		m.tally.filtered.Add(1)
		return false
	}
	e, err := framed.event()
	if err != nil {
		m.tally.malformed.Add(1)
		return false
	}
	m.outcome = outcome{event: e, found: true}
	return true
}
