// SPDX-License-Identifier: Apache-2.0

package programs

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// Result is how a command line ended.
type Result struct {
	Code           int // 128 and more: by that signal
	Stdout, Stderr string
}

// Killed tells that it was ended from outside.
func (r Result) Killed() bool { return r.Code == 128+int(syscall.SIGKILL) }

// server is one process that carries out command lines, one after the other.
type server struct {
	program *Program
	files   [2]string // of standard output and error
	cmd     *exec.Cmd
	in      io.WriteCloser
	out     io.ReadCloser
	served  int
}

// mostServed is after how many command lines a server is replaced, so that nothing piles up in it.
const mostServed = 5000

func (s *server) start() error {
	s.cmd = exec.Command(s.program.serve[0], s.program.serve[1:]...)
	s.cmd.Env = s.program.env
	s.cmd.Stderr = os.Stderr
	// Without a terminal no prompt waits for anybody, and what ends this process ends the server.
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var err error
	if s.in, err = s.cmd.StdinPipe(); err != nil {
		return err
	}
	if s.out, err = s.cmd.StdoutPipe(); err != nil {
		return err
	}
	s.served = 0
	return s.cmd.Start()
}

// stop ends the process.
func (s *server) stop() {
	if s.cmd == nil {
		return
	}
	s.in.Close()
	_ = s.cmd.Process.Kill()
	_ = s.cmd.Wait()
	s.cmd = nil
}

// run carries out one command line.
func (s *server) run(dir string, args []string) (Result, error) {
	if s.cmd == nil || s.served >= mostServed {
		s.stop()
		if err := s.start(); err != nil {
			return Result{}, err
		}
	}
	s.served++
	text := strings.Join(append([]string{dir, os.DevNull, s.files[0], s.files[1]}, args...), "\x00") + "\x00"
	request := append(binary.NativeEndian.AppendUint32(nil, uint32(len(text))), text...)
	if _, err := s.in.Write(request); err != nil {
		return Result{}, s.died(err)
	}
	var answer [2]int32
	if err := binary.Read(s.out, binary.NativeEndian, &answer); err != nil {
		return Result{}, s.died(err)
	}
	return s.result(syscall.WaitStatus(answer[1]))
}

func (s *server) died(err error) error {
	s.in.Close()
	ended := s.cmd.Wait()
	s.cmd = nil
	return fmt.Errorf("%s: the server ended: %w", s.program.Name, errors.Join(err, ended))
}

func (s *server) result(status syscall.WaitStatus) (Result, error) {
	r := Result{Code: status.ExitStatus()}
	if status.Signaled() {
		r.Code = 128 + int(status.Signal())
	}
	for i, text := range []*string{&r.Stdout, &r.Stderr} {
		bytes, err := os.ReadFile(s.files[i])
		if err != nil {
			return r, err
		}
		*text = string(bytes)
	}
	return r, nil
}

// Lane runs command lines, one after the other. Two lanes run side by side.
type Lane struct {
	dir     string
	servers map[*Program]*server
}

// NewLane makes a lane that keeps its files in a folder, which must be there and belong to it.
func NewLane(dir string) *Lane { return &Lane{dir: dir, servers: map[*Program]*server{}} }

// Warm starts the programs' servers, so that the first command lines do not wait for that.
func (l *Lane) Warm(programs ...*Program) error {
	for _, p := range programs {
		if _, err := l.Run(p, l.dir, "--version"); err != nil {
			return err
		}
	}
	return nil
}

// Run carries out a command line in a folder. The error is about the driver's own means.
func (l *Lane) Run(p *Program, dir string, args ...string) (Result, error) {
	s := l.servers[p]
	if s == nil {
		s = &server{program: p}
		for i, name := range []string{"out", "err"} {
			s.files[i] = filepath.Join(l.dir, p.Name+"."+name)
		}
		l.servers[p] = s
	}
	return s.run(dir, args)
}

// Close ends the servers.
func (l *Lane) Close() {
	for _, s := range l.servers {
		s.stop()
	}
}

// struck are the system calls that the nth of which KillAt kills at.
const struck = "pwrite64,pwritev,write,fsync,fdatasync"

// KillArgv is a command line that starts the program and kills it when it enters the nth system call that
// writes or syncs.
func KillArgv(p *Program, nth int, args ...string) []string {
	argv := []string{
		"strace", "-f", "-qq", "-o", os.DevNull, "-e", "trace=" + struck, "-e",
		"inject=" + struck + ":error=EIO:signal=SIGKILL:when=" + strconv.Itoa(nth),
	}
	return append(append(argv, p.Argv...), args...)
}

// RunOnce starts a command line as a process of its own.
func RunOnce(dir string, argv ...string) (Result, error) {
	cmd := exec.Command(argv[0], argv[1:]...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), ownState)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return Result{}, err
	}
	r := Result{Code: cmd.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	if status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		r.Code = 128 + int(status.Signal())
	}
	return r, nil
}
