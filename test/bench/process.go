// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sample is one finished process.
type sample struct {
	wall      time.Duration
	peak      int64 // KiB
	processor time.Duration
}

// process runs a command to its end.
func (b *bench) process(c command, image string) (sample, error) {
	cmd := b.prepare(c, image)
	setOrdinaryPages(c.ordinary)
	defer setOrdinaryPages(false)
	start := time.Now()
	err := cmd.Run()
	return finish(c, cmd, time.Since(start), err)
}

func (b *bench) prepare(c command, image string) *exec.Cmd {
	program := c.program
	switch program {
	case "orthrus":
		program = b.ours
	case "cryptsetup":
		program = b.peer
	}
	args := make([]string, len(c.args))
	for i, arg := range c.args {
		args[i] = strings.ReplaceAll(arg, "IMAGE", image)
	}
	cmd := exec.Command(program, args...)
	cmd.Env = append(os.Environ(), c.env...)
	if c.input != "" {
		cmd.Stdin = strings.NewReader(strings.ReplaceAll(c.input, "IMAGE", image))
	}
	return cmd
}

// setOrdinaryPages decides for this process and those begun from now on.
func setOrdinaryPages(only bool) {
	var disable uintptr
	if only {
		disable = 1
	}
	_ = unix.Prctl(unix.PR_SET_THP_DISABLE, disable, 0, 0, 0) // fails where there are no huge pages to switch off
}

func finish(c command, cmd *exec.Cmd, wall time.Duration, err error) (sample, error) {
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return sample{}, err
	}
	if code := cmd.ProcessState.ExitCode(); code != c.exit {
		return sample{}, fmt.Errorf("%s %s: exit code %d, expected %d", c.program, strings.Join(c.args, " "), code,
			c.exit)
	}
	usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return sample{}, errors.New("no resource usage of the finished process")
	}
	return sample{wall, int64(usage.Maxrss), time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}, nil
}

// processorTime is what this process has used so far: unlike the clock it stands still while others run.
func processorTime() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// rounds of what is compared within this process, by processor time.
const rounds = 3
