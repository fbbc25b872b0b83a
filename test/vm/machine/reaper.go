// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sys/unix"
)

// reaper collects processes that lost their parent and so became init's,
// without taking those that init started itself.
type reaper struct {
	mu  sync.Mutex
	own map[int]bool
}

func startReaper() *reaper {
	r := &reaper{own: map[int]bool{}}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, unix.SIGCHLD)
	go func() {
		for range ended {
			r.collect()
		}
	}()
	return r
}

func (r *reaper) start(cmd *exec.Cmd) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	err := cmd.Start()
	if err == nil {
		r.own[cmd.Process.Pid] = true
	}
	return err
}

func (r *reaper) wait(cmd *exec.Cmd) error {
	err := cmd.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.own, cmd.Process.Pid)
	return err
}

func (r *reaper) collect() {
	r.mu.Lock()
	defer r.mu.Unlock()
	files, _ := filepath.Glob("/proc/[0-9]*/stat")
	for _, file := range files {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(file)))
		if err != nil || r.own[pid] || !isOrphanZombie(file) {
			continue
		}
		_, _ = unix.Wait4(pid, nil, unix.WNOHANG, nil)
	}
}

// isOrphanZombie reads "PID (NAME) STATE PPID ..."; the name may hold anything.
func isOrphanZombie(file string) bool {
	text, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	fields := bytes.Fields(text[bytes.LastIndexByte(text, ')')+1:])
	return len(fields) > 1 && string(fields[0]) == "Z" && string(fields[1]) == "1"
}
