// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"errors"
	"os"
	"strings"
	"syscall"
)

// unpreempted is the setting of Go's runtime by which it sends itself no signals.
const unpreempted = "asyncpreemptoff=1"

// WithoutPreemption starts this program anew, unless it was started so already. Go's runtime interrupts what runs long
// by a signal, and the kernel then writes all registers to that thread's signal stack: pieces of a passphrase that was
// just copied would stay there for as long as the process lives, out of reach of whoever wipes. The setting is read
// before any code of ours runs, so it takes a new program in the same process; programs that are started from here do
// not inherit it. The error says why that did not work; nothing else is amiss then.
func WithoutPreemption() error {
	given := os.Getenv("GODEBUG")
	if before, found := strings.CutSuffix(given, unpreempted); found {
		return giveBack(strings.TrimSuffix(before, ","))
	}
	self, err := os.Executable()
	if err != nil { // before /proc is there
		self = os.Args[0]
	}
	if err := os.Setenv("GODEBUG", strings.TrimPrefix(given+","+unpreempted, ",")); err != nil {
		return err
	}
	err = syscall.Exec(self, os.Args, os.Environ())
	return errors.Join(err, giveBack(given))
}

func giveBack(before string) error {
	if before == "" {
		return os.Unsetenv("GODEBUG")
	}
	return os.Setenv("GODEBUG", before)
}
