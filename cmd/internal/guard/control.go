// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/unixsocket"
	"golang.org/x/sys/unix"
)

// DefaultSocket is where a guard answers.
const DefaultSocket = "/run/orthrus/guard.sock"

// ErrNotRunning: nobody answers at the socket.
var ErrNotRunning = errors.New("no guard is running")

// Status is what a guard says of itself.
type Status struct {
	Started  string   `json:"started"` // RFC 3339
	PID      int      `json:"pid"`
	Source   string   `json:"source"` // where events come from: "udev", "kernel"
	Repair   string   `json:"repair"` // the policy where no section says otherwise
	Looks    uint64   `json:"looks"`
	Repairs  uint64   `json:"repairs"`
	Restores uint64   `json:"restores"`
	Moves    uint64   `json:"transactions"`
	Enlarged uint64   `json:"enlarged"`
	Refusals uint64   `json:"refusals"`
	Shadowed uint64   `json:"rehearsed"`
	Late     uint64   `json:"late"`
	Failures uint64   `json:"failures"`
	Removals uint64   `json:"removals"`
	Rescans  uint64   `json:"rescans"`
	Events   uint64   `json:"events"`
	Forged   uint64   `json:"events_forged"`
	Unread   uint64   `json:"events_malformed"`
	Overruns uint64   `json:"overruns"`
	Volumes  []Volume `json:"volumes"`
}

// Status gathers what there is to tell.
func (d *Daemon) Status() Status {
	events := d.events.Stats()
	s := Status{
		Started: d.started.UTC().Format(time.RFC3339), PID: os.Getpid(), Source: d.source.String(),
		Repair: string(d.config().Default.Repair), Looks: d.counts.looks.Load(), Repairs: d.counts.repairs.Load(),
		Restores: d.counts.restores.Load(), Moves: d.counts.transactions.Load(), Enlarged: d.counts.enlarged.Load(),
		Refusals: d.counts.refusals.Load(),
		Shadowed: d.counts.rehearsed.Load(), Late: d.counts.late.Load(),
		Failures: d.counts.failures.Load(), Removals: d.counts.removals.Load(), Rescans: d.counts.rescans.Load(),
		Events: events.Delivered, Forged: events.Forged, Unread: events.Malformed +
			events.Truncated, Overruns: events.Overruns,
		Volumes: []Volume{},
	}
	s.Volumes = append(s.Volumes, d.Volumes()...)
	return s
}

// server answers at a socket that only root reaches: one line asks, one JSON object is the answer.
type server struct {
	listener *unixsocket.Listener
	daemon   *Daemon

	mu     sync.Mutex
	silent []*os.File // the oldest first
}

func serve(path string, d *Daemon) (*server, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if _, err := AskStatus(path); err == nil {
		return nil, fmt.Errorf("another guard answers at %s", path)
	}
	listener, err := listenPrivately(path)
	if err != nil {
		return nil, err
	}
	return &server{listener: listener, daemon: d}, nil
}

// listenPrivately makes the socket in a directory that only root enters and moves it to its place, so that
// from the first moment on nobody else may connect; a umask would be that of all goroutines.
func listenPrivately(path string) (*unixsocket.Listener, error) {
	dir, err := os.MkdirTemp(filepath.Dir(path), ".guard-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	fresh := filepath.Join(dir, "s")
	listener, err := unixsocket.Listen(fresh)
	if err != nil {
		return nil, err
	}
	if err := errors.Join(os.Chmod(fresh, 0o600), os.Rename(fresh, path)); err != nil {
		return nil, errors.Join(err, listener.Close())
	}
	return listener, nil
}

func (s *server) run(ctx context.Context) {
	path := s.daemon.Socket
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() })
	defer stop()
	for {
		c, err := s.listener.Accept()
		if err != nil {
			if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
				s.daemon.log.Warn("the socket cannot be removed", "error", err)
			}
			return
		}
		s.admit(c)
		go s.answer(c)
	}
}

// maxClients is how many may be silent at once; the one that has been for longest is sent away.
const maxClients = 64

func (s *server) admit(c *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.silent) >= maxClients {
		_ = s.silent[0].Close()
		s.silent = s.silent[1:]
	}
	s.silent = append(s.silent, c)
}

// spoke takes a client from those that may be sent away.
func (s *server) spoke(c *os.File) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.silent = slices.DeleteFunc(s.silent, func(o *os.File) bool { return o == c })
}

// answer serves one question.
func (s *server) answer(c *os.File) {
	defer c.Close()
	defer s.spoke(c)
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if !mayAsk(c) {
		return
	}
	question, err := bufio.NewReaderSize(c, 256).ReadSlice('\n')
	if err != nil || string(question) != "status\n" {
		return
	}
	s.spoke(c)
	_ = json.NewEncoder(c).Encode(s.daemon.Status())
}

// mayAsk: root, and who runs the guard itself.
func mayAsk(c *os.File) bool {
	raw, err := c.SyscallConn()
	if err != nil {
		return false
	}
	allowed := false
	_ = raw.Control(func(fd uintptr) {
		cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED)
		allowed = err == nil && (cred.Uid == 0 || int(cred.Uid) == os.Geteuid())
	})
	return allowed
}

// AskStatus asks the guard behind a socket. The error is ErrNotRunning where there is none.
func AskStatus(path string) (Status, error) {
	var s Status
	c, err := unixsocket.Dial(path)
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ECONNREFUSED) {
		return s, fmt.Errorf("%w: %w", ErrNotRunning, err)
	}
	if err != nil {
		return s, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := c.Write([]byte("status\n")); err != nil {
		return s, err
	}
	return s, json.NewDecoder(c).Decode(&s)
}
