// SPDX-License-Identifier: Apache-2.0

package ui

import (
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// dieOf ends the process by a signal that Go's runtime would answer with the stacks of all goroutines and
// exit code 2.
func dieOf(sig unix.Signal) {
	// struct sigaction of zeros is SIG_DFL without flags and with an empty mask on every architecture.
	var byDefault [64]byte
	const setSize = 8 // bytes of a signal set, rt_sigaction(2)
	_, _, failed := unix.RawSyscall6(unix.SYS_RT_SIGACTION, uintptr(sig), uintptr(unsafe.Pointer(&byDefault)), 0,
		setSize, 0, 0)
	if failed == 0 && unix.Kill(unix.Getpid(), sig) == nil {
		select {} // until the signal is delivered
	}
	os.Exit(int(Failed))
}
