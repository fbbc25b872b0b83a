// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"golang.org/x/sys/unix"
)

// StillInUse names who holds a mapping that was to be removed.
func StillInUse(name string, busy *dm.BusyError) string {
	return fmt.Sprintf("Device %s is still in use.", name) + heldByThese(busy.Holders)
}

// holder names one user of a device.
func holder(h block.Holder) string {
	switch h.Kind {
	case block.HolderProcess:
		return fmt.Sprintf("process %d (%s)", h.PID, h.Name)
	case block.HolderMount:
		return "the mount at " + h.Name
	case block.HolderSwap:
		return "swap on " + h.Name
	}
	return "device " + h.Name
}

// HeldBy names who uses the block device at path, as the end of a message; empty where nobody can
// be found.
func HeldBy(path string) string {
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return ""
	}
	holders, err := block.Holders(unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))
	if err != nil {
		return ""
	}
	return heldByThese(holders)
}

func heldByThese(holders []block.Holder) string {
	if len(holders) == 0 {
		return ""
	}
	var who []string
	for _, h := range holders {
		who = append(who, holder(h))
	}
	return " Held by " + strings.Join(who, ", ") + "."
}
