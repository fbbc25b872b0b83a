// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"time"

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
		Restores: d.counts.restores.Load(), Moves: d.counts.transactions.Load(), Enlarged: d.counts.enlarged.Load(), Refusals: d.counts.refusals.Load(),
		Failures: d.counts.failures.Load(), Removals: d.counts.removals.Load(), Rescans: d.counts.rescans.Load(),
		Events: events.Delivered, Forged: events.Forged, Unread: events.Malformed + events.Truncated, Overruns: events.Overruns,
		Volumes: []Volume{},
	}
	s.Volumes = append(s.Volumes, d.Volumes()...)
	return s
}

// server answers at a socket that only root reaches: one line asks, one JSON object is the answer.
type server struct {
	listener *net.UnixListener
	daemon   *Daemon
}

func serve(path string, d *Daemon) (*server, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	if _, err := AskStatus(path); err == nil {
		return nil, fmt.Errorf("another guard answers at %s", path)
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	old := unix.Umask(0o177) // from the first moment on nobody else may connect
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	unix.Umask(old)
	if err != nil {
		return nil, err
	}
	return &server{listener, d}, nil
}

func (s *server) run(ctx context.Context) {
	stop := context.AfterFunc(ctx, func() { _ = s.listener.Close() })
	defer stop()
	for {
		c, err := s.listener.AcceptUnix()
		if err != nil {
			return
		}
		s.answer(c)
	}
}

// answer serves one question; who is slow does not keep others waiting for long.
func (s *server) answer(c *net.UnixConn) {
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(2 * time.Second))
	if !mayAsk(c) {
		return
	}
	question, err := bufio.NewReaderSize(c, 256).ReadSlice('\n')
	if err != nil || string(question) != "status\n" {
		return
	}
	_ = json.NewEncoder(c).Encode(s.daemon.Status())
}

// mayAsk: root, and who runs the guard itself.
func mayAsk(c *net.UnixConn) bool {
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
	c, err := net.DialTimeout("unix", path, 5*time.Second)
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
