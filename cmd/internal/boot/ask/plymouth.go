// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// PlymouthSocket is the abstract name under which plymouthd listens.
const PlymouthSocket = "\x00/org/freedesktop/plymouthd"

// Requests and replies of plymouth's protocol. A request is its letter, then NUL, or 2, the length of
// the argument with its NUL in one byte, and the argument with its NUL.
const (
	plyPing     = 'P'
	plyPassword = '*'
	plyCached   = 'c'
	plyMessage  = 'M'

	plyAck     = 6
	plyAnswer  = 2 // then the length in 4 bytes, little-endian, and the answer
	plyNone    = 5
	plyAnswers = 9 // the same, several separated by NUL

	plyMaxArgument = 254
)

// Plymouth asks on the splash screen.
type Plymouth struct {
	Socket string // PlymouthSocket
	// MessageTime bounds how long a message may take to be accepted; one second when zero.
	MessageTime time.Duration
}

// Name is what messages call this way.
func (p Plymouth) Name() string { return "plymouth" }

// Running tells whether plymouthd answers.
func (p Plymouth) Running() bool {
	return p.exchange(request(plyPing, "")) == nil
}

// Say shows a message on the splash screen.
func (p Plymouth) Say(text string) { _ = p.exchange(request(plyMessage, text)) }

// exchange sends a request that is acknowledged.
func (p Plymouth) exchange(r []byte) error {
	fd, err := p.connect()
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	limit := p.MessageTime
	if limit == 0 {
		limit = time.Second
	}
	w, err := ui.NewWaiter(context.Background(), fd)
	if err != nil {
		return err
	}
	defer w.Close()
	if err := writeAll(fd, r); err != nil {
		return err
	}
	var reply [1]byte
	if n, err := w.Read(reply[:], time.Now().Add(limit)); err != nil || n == 0 || reply[0] != plyAck {
		return errors.Join(ErrUnavailable, err)
	}
	return nil
}

// Ask shows the question. plymouthd takes it down when we hang up.
func (p Plymouth) Ask(ctx context.Context, q Question) (*secret.Buffer, error) {
	fd, err := p.connect()
	if err != nil {
		return nil, errors.Join(ErrUnavailable, err)
	}
	defer unix.Close(fd)
	w, err := ui.NewWaiter(ctx, fd)
	if err != nil {
		return nil, err
	}
	defer w.Close()
	if q.Cached {
		answer, err := p.once(w, fd, request(plyCached, ""))
		if !errors.Is(err, ErrDeclined) {
			return answer, err
		}
	}
	return p.once(w, fd, request(plyPassword, q.Title))
}

func (p Plymouth) once(w *ui.Waiter, fd int, r []byte) (*secret.Buffer, error) {
	if err := writeAll(fd, r); err != nil {
		return nil, errors.Join(ErrUnavailable, err)
	}
	return plymouthAnswer(w)
}

func (p Plymouth) connect() (int, error) {
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, err
	}
	name := p.Socket
	if name[0] == 0 {
		name = "@" + name[1:] // how x/sys writes abstract names
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: name}); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func request(letter byte, argument string) []byte {
	if argument == "" {
		return []byte{letter, 0}
	}
	argument = printable(argument)
	if len(argument) > plyMaxArgument {
		argument = argument[:plyMaxArgument]
	}
	return append([]byte{letter, 2, byte(len(argument) + 1)}, argument+"\x00"...)
}

// plymouthAnswer reads a reply to a question.
func plymouthAnswer(r interface {
	Read(p []byte, deadline time.Time) (int, error)
},
) (*secret.Buffer, error) {
	head := make([]byte, 5)
	if err := fill(r, head[:1]); err != nil {
		return nil, err
	}
	switch head[0] {
	case plyAnswer, plyAnswers:
	case plyNone:
		return nil, ErrDeclined
	default:
		return nil, fmt.Errorf("%w: plymouth replies %#x", ErrUnavailable, head[0])
	}
	if err := fill(r, head[1:]); err != nil {
		return nil, err
	}
	size := binary.LittleEndian.Uint32(head[1:])
	if size > MaxPassphrase {
		return nil, fmt.Errorf("%w: an answer of %d bytes", ErrUnavailable, size)
	}
	all, err := secret.New(int(size))
	if err != nil {
		return nil, err
	}
	defer all.Close()
	if err := fill(r, all.Bytes()); err != nil {
		return nil, err
	}
	return firstOf(all.Bytes())
}

func fill(r interface {
	Read(p []byte, deadline time.Time) (int, error)
}, p []byte,
) error {
	for len(p) > 0 {
		n, err := r.Read(p, time.Time{})
		if err != nil {
			return err
		}
		if n == 0 {
			return fmt.Errorf("%w: hung up", ErrUnavailable)
		}
		p = p[n:]
	}
	return nil
}

func writeAll(fd int, p []byte) error {
	for len(p) > 0 {
		n, err := unix.SendmsgN(fd, p, nil, nil, unix.MSG_NOSIGNAL)
		if errors.Is(err, unix.EINTR) {
			continue
		}
		if err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}
