// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

// pipeGrace is how long a command's output is still read after its end, when
// something it left running holds the pipe, on a quiet machine.
const pipeGrace = time.Second

// server is the guest's side of the control channel: one command at a time.
type server struct {
	plan guestPlan
	out  *frameWriter
	reap *reaper
	kill chan struct{} // closed when the running command is to be killed
}

// frameWriter lets several goroutines write frames.
type frameWriter struct {
	mu sync.Mutex
	w  io.Writer
}

func (f *frameWriter) send(kind frameKind, payload []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	return writeFrame(f.w, kind, payload)
}

// stream is an io.Writer that sends what it gets as frames of one kind.
type stream struct {
	to   *frameWriter
	kind frameKind
}

func (s stream) Write(p []byte) (int, error) {
	const most = maxFrame / 2
	for i := 0; i < len(p); i += most {
		if err := s.to.send(s.kind, p[i:min(len(p), i+most)]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

// serve runs commands as they come until the channel breaks.
func serve(control io.ReadWriter, plan guestPlan) error {
	s := &server{plan: plan, out: &frameWriter{w: control}, reap: startReaper(), kill: make(chan struct{})}
	for {
		kind, payload, err := readFrame(control)
		if err != nil {
			return err
		}
		switch kind {
		case frameRun:
			if err := s.start(payload); err != nil {
				return err
			}
		case frameKill:
			close(s.kill)
			s.kill = make(chan struct{})
		}
	}
}

func (s *server) start(payload []byte) error {
	var c command
	if err := json.Unmarshal(payload, &c); err != nil {
		return err
	}
	cmd := s.command(c)
	s.kill = make(chan struct{})
	if err := s.reap.start(cmd); err != nil {
		return s.report(err)
	}
	go s.finish(cmd, s.kill)
	return nil
}

func (s *server) command(c command) *exec.Cmd {
	cmd := exec.Command(c.Args[0], c.Args[1:]...)
	cmd.Env = append([]string{"PATH=" + guestPath, "HOME=/root", "TMPDIR=/tmp", "TERM=dumb", "LC_ALL=C.UTF-8", guestEnv + "=1"}, s.plan.Env...)
	cmd.Env = append(cmd.Env, c.Env...)
	cmd.Dir = orDefault(c.Dir, s.plan.Dir)
	if !isDir(cmd.Dir) {
		cmd.Dir = "/"
	}
	cmd.Stdin = bytes.NewReader(c.Stdin)
	cmd.Stdout, cmd.Stderr = stream{s.out, frameOutput}, stream{s.out, frameError}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.WaitDelay = pace.Limit(pipeGrace)
	return cmd
}

// finish waits for the command, or kills its process group when told to.
func (s *server) finish(cmd *exec.Cmd, kill <-chan struct{}) {
	ended := make(chan error, 1)
	go func() { ended <- s.reap.wait(cmd) }()
	select {
	case err := <-ended:
		_ = s.report(err)
	case <-kill:
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
		_ = s.report(<-ended)
	}
}

func (s *server) report(err error) error {
	payload, err := json.Marshal(statusOf(err))
	if err != nil {
		return err
	}
	return s.out.send(frameStatus, payload)
}

func statusOf(err error) status {
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay):
		return status{}
	case errors.As(err, &exit):
		return status{Code: exit.ExitCode(), Error: exit.String()}
	}
	return status{Code: -1, Error: err.Error()}
}

func isDir(p string) bool {
	info, err := os.Stat(p)
	return err == nil && info.IsDir()
}
