// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"os/exec"

	"golang.org/x/sys/unix"
)

// findMemory makes memory easy to get for the next process: what free memory is scattered is compacted, and
// what a hypervisor has taken back it gives again, which it takes seconds for, whoever asks. A process of
// its own takes n bytes in huge pages and ends: a new process begins with the peak of this one.
func findMemory(n uint64) error {
	if n == 0 {
		return nil
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	if out, err := exec.Command(self, "-find", fmt.Sprint(n)).CombinedOutput(); err != nil {
		return fmt.Errorf("finding %d bytes of memory: %w: %s", n, err, out)
	}
	return nil
}

// takeMemory takes n bytes in huge pages and gives them back.
func takeMemory(n uint64) error {
	p, err := unix.Mmap(-1, 0, int(n), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		return err
	}
	_ = unix.Madvise(p, unix.MADV_HUGEPAGE) // fails where the kernel knows none
	if err := unix.Madvise(p, unix.MADV_POPULATE_WRITE); err != nil {
		return err
	}
	return unix.Munmap(p)
}
