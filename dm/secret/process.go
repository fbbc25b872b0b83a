// SPDX-License-Identifier: Apache-2.0

package secret

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Harden makes the process undumpable: no core file, no ptrace and no /proc/pid/mem access by
// processes of the same user (prctl(2) PR_SET_DUMPABLE, setrlimit(2) RLIMIT_CORE).
func Harden() error {
	if err := unix.Prctl(unix.PR_SET_DUMPABLE, 0, 0, 0, 0); err != nil {
		return fmt.Errorf("secret: making the process undumpable: %w", err)
	}
	if err := unix.Setrlimit(unix.RLIMIT_CORE, &unix.Rlimit{}); err != nil {
		return fmt.Errorf("secret: forbidding core files: %w", err)
	}
	return nil
}
