// SPDX-License-Identifier: Apache-2.0

package block

import (
	"time"

	"golang.org/x/sys/unix"
)

// suspendPatience is how long a mapping may be suspended that is only about to get another table.
const suspendPatience = time.Second

// running refuses a mapping that stays suspended: a read of it would wait for as long, and no signal ends
// that.
func running(path string, device uint64) error {
	major, minor := unix.Major(device), unix.Minor(device)
	return runningBy(path, func() bool { return Attribute(major, minor, "dm/suspended") == "1" })
}

func runningBy(path string, suspended func() bool) error {
	const step = suspendPatience / 20
	for waited := time.Duration(0); suspended(); waited += step {
		if waited >= suspendPatience {
			return &PathError{Op: "open", Path: path, Kind: ErrSuspended}
		}
		time.Sleep(step)
	}
	return nil
}
