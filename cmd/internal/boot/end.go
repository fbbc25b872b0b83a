// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"golang.org/x/sys/unix"
)

// End carries out how a boot that cannot go on ends. It returns for plan.Exit and plan.Retry, which
// are the caller's to do, and where the kernel refuses.
func End(how plan.Ending) error {
	switch how {
	case plan.Reboot:
		unix.Sync()
		return unix.Reboot(unix.LINUX_REBOOT_CMD_RESTART)
	case plan.Halt:
		unix.Sync()
		return unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	}
	return nil
}
