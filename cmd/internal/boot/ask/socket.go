// SPDX-License-Identifier: Apache-2.0

package ask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// SocketPath is where front ends find the socket.
const SocketPath = "/run/orthrus/ask"

// Socket lets any program of root answer; see the package's documentation for what is spoken.
type Socket struct {
	path string
	fd   int
	wake [2]int // a pipe that ends the accepting
	done sync.WaitGroup

	mu      sync.Mutex
	clients map[*client]bool
	asked   *asked
	number  int
	over    string // Opened or Failed
	closed  bool
}

// asked is the open question.
type asked struct {
	number int
	Question
	answers chan given // of capacity 1
}

// given is an answer, and who gave it.
type given struct {
	from   *client
	answer *secret.Buffer
}

// message is a line that we send.
type message struct {
	Ask       int    `json:"ask,omitempty"`
	Title     string `json:"title,omitempty"`
	ID        string `json:"id,omitempty"`
	Withdrawn int    `json:"withdrawn,omitempty"`
	Say       string `json:"say,omitempty"`
	Taken     int    `json:"taken,omitempty"`
	Over      string `json:"over,omitempty"`
}

// What a boot came to, in its last message.
const (
	Opened = "opened"
	Failed = "failed"
)

// ErrTaken: another boot listens there.
var ErrTaken = errors.New("another boot is asking there")

// Listen makes the socket, in place of one that a former run has left. The error is ErrTaken where
// that run is still there.
func Listen(path string) (*Socket, error) {
	if other, err := Call(path); err == nil {
		return nil, errors.Join(ErrTaken, other.Close())
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	s := &Socket{path: path, clients: map[*client]bool{}}
	var err error
	if s.fd, err = unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0); err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	if err := s.bind(); err != nil {
		return nil, errors.Join(err, unix.Close(s.fd))
	}
	if err := unix.Pipe2(s.wake[:], unix.O_CLOEXEC); err != nil {
		return nil, errors.Join(err, unix.Close(s.fd))
	}
	s.done.Go(s.accept)
	return s, nil
}

// bind gives the socket its permissions before anybody can connect.
func (s *Socket) bind() error {
	if err := unix.Bind(s.fd, &unix.SockaddrUnix{Name: s.path}); err != nil {
		return fmt.Errorf("binding %s: %w", s.path, err)
	}
	if err := os.Chmod(s.path, 0o600); err != nil {
		return err
	}
	return unix.Listen(s.fd, 8)
}

// Name is what messages call this way.
func (s *Socket) Name() string { return "the socket " + s.path }

// Close hangs up on all and takes the socket away.
func (s *Socket) Close() error {
	s.mu.Lock()
	s.closed = true
	for c := range s.clients {
		c.hangUp()
	}
	s.mu.Unlock()
	_, wakeErr := unix.Write(s.wake[1], []byte{0})
	s.done.Wait()
	return errors.Join(wakeErr, unix.Close(s.fd), unix.Close(s.wake[0]), unix.Close(s.wake[1]), os.Remove(s.path))
}

// accept takes callers until the socket is closed.
func (s *Socket) accept() {
	fds := []unix.PollFd{{Fd: int32(s.fd), Events: unix.POLLIN}, {Fd: int32(s.wake[0]), Events: unix.POLLIN}}
	for {
		if _, err := unix.Poll(fds, -1); err != nil && !errors.Is(err, unix.EINTR) {
			return
		}
		if fds[1].Revents != 0 {
			return
		}
		if fds[0].Revents == 0 {
			continue
		}
		fd, _, err := unix.Accept4(s.fd, unix.SOCK_CLOEXEC)
		if err == nil {
			s.welcome(fd)
		}
	}
}

// maxClients bounds what a process that calls and calls can take.
const maxClients = 16

// welcome begins to listen to a caller of root or of our own user.
func (s *Socket) welcome(fd int) {
	peer, err := unix.GetsockoptUcred(fd, unix.SOL_SOCKET, unix.SO_PEERCRED)
	known := err == nil && (peer.Uid == 0 || int(peer.Uid) == os.Geteuid())
	s.mu.Lock()
	defer s.mu.Unlock()
	if !known || s.closed || len(s.clients) >= maxClients {
		_ = unix.Close(fd)
		return
	}
	c := &client{fd: fd}
	s.clients[c] = true
	if s.asked != nil {
		c.send(s.asked.announcement())
	}
	if s.over != "" {
		c.send(message{Over: s.over})
	}
	s.done.Go(func() { s.serve(c) })
}

// serve takes a caller's answers until it hangs up or talks nonsense.
func (s *Socket) serve(c *client) {
	for {
		number, answer, err := c.answer()
		if err != nil {
			break
		}
		s.deliver(c, number, answer)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.clients, c)
	_ = unix.Close(c.fd)
}

// deliver hands an answer to the question it is for, if that is still open and has none yet.
func (s *Socket) deliver(from *client, number int, answer *secret.Buffer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.asked != nil && s.asked.number == number {
		select {
		case s.asked.answers <- given{from, answer}:
			return
		default:
		}
	}
	_ = answer.Close()
}

// Ask tells all callers, and those that are to come, until one of them answers.
func (s *Socket) Ask(ctx context.Context, q Question) (*secret.Buffer, error) {
	a := s.open(q)
	defer s.withdraw(a)
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case g := <-a.answers:
		s.take(g.from, a.number)
		return g.answer, nil
	}
}

// take tells a caller, if it is still there, that its answer is the one.
func (s *Socket) take(from *client, number int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.clients[from] {
		from.send(message{Taken: number})
	}
}

func (s *Socket) open(q Question) *asked {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.number++
	s.asked = &asked{number: s.number, Question: q, answers: make(chan given, 1)}
	s.tell(s.asked.announcement())
	return s.asked
}

func (s *Socket) withdraw(a *asked) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = nil
	s.tell(message{Withdrawn: a.number})
	select {
	case late := <-a.answers:
		_ = late.answer.Close()
	default:
	}
}

// Say sends a line to all callers.
func (s *Socket) Say(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tell(message{Say: printable(text)})
}

// Conclude tells all callers, and those that are to come, what the boot came to.
func (s *Socket) Conclude(how string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = how
	s.tell(message{Over: how})
}

// tell sends to all; the caller holds the lock.
func (s *Socket) tell(m message) {
	for c := range s.clients {
		c.send(m)
	}
}

func (a *asked) announcement() message {
	return message{Ask: a.number, Title: printable(a.Title), ID: printable(a.ID)}
}

// encode makes a line of a message.
func (m message) encode() []byte {
	text, err := json.Marshal(m)
	if err != nil {
		return nil // strings and numbers only: cannot be
	}
	return append(text, '\n')
}
