// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"strings"

	"golang.org/x/sys/unix"
)

// flags are the options that the kernel takes as bits, not as text.
var flags = map[string]struct {
	bit   uintptr
	clear bool
}{
	"ro": {bit: unix.MS_RDONLY}, "rw": {bit: unix.MS_RDONLY, clear: true},
	"nosuid": {bit: unix.MS_NOSUID}, "suid": {bit: unix.MS_NOSUID, clear: true},
	"nodev": {bit: unix.MS_NODEV}, "dev": {bit: unix.MS_NODEV, clear: true},
	"noexec": {bit: unix.MS_NOEXEC}, "exec": {bit: unix.MS_NOEXEC, clear: true},
	"sync": {bit: unix.MS_SYNCHRONOUS}, "async": {bit: unix.MS_SYNCHRONOUS, clear: true},
	"dirsync": {bit: unix.MS_DIRSYNC},
	"noatime": {bit: unix.MS_NOATIME}, "atime": {bit: unix.MS_NOATIME, clear: true},
	"nodiratime": {bit: unix.MS_NODIRATIME}, "diratime": {bit: unix.MS_NODIRATIME, clear: true},
	"relatime": {bit: unix.MS_RELATIME}, "norelatime": {bit: unix.MS_RELATIME, clear: true},
	"strictatime": {bit: unix.MS_STRICTATIME}, "nostrictatime": {bit: unix.MS_STRICTATIME, clear: true},
	"lazytime": {bit: unix.MS_LAZYTIME}, "nolazytime": {bit: unix.MS_LAZYTIME, clear: true},
	"silent": {bit: unix.MS_SILENT}, "loud": {bit: unix.MS_SILENT, clear: true},
}

// notForKernel are the options of fstab(5) that other programs read.
var notForKernel = []string{
	"defaults", "auto", "noauto", "user", "nouser", "users", "owner", "group", "_netdev",
	"nofail",
}

// mountOptions splits options of mount(8) into flags and the text that the file
// system reads.
func mountOptions(options string, readOnly bool) (bits uintptr, data string) {
	var rest []string
	for option := range strings.SplitSeq(options, ",") {
		if flag, known := flags[option]; known {
			bits |= flag.bit
			if flag.clear {
				bits &^= flag.bit
			}
		} else if !ignored(option) {
			rest = append(rest, option)
		}
	}
	bits &^= unix.MS_RDONLY
	if readOnly {
		bits |= unix.MS_RDONLY
	}
	return bits, strings.Join(rest, ",")
}

func ignored(option string) bool {
	for _, name := range notForKernel {
		if option == name {
			return true
		}
	}
	return option == "" || strings.HasPrefix(option, "x-") || strings.HasPrefix(option, "X-") ||
		strings.HasPrefix(option, "comment=")
}
