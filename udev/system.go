// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"bytes"
	"os"
	"path/filepath"
)

// System is the machine whose /sys and /run are read; the zero value is this one.
type System struct {
	Root string // directory above sys and run, "/" when empty
}

func (s System) path(elements ...string) string {
	return filepath.Join(append([]string{"/", s.Root}, elements...)...)
}

// UdevRunning tells whether udevd (systemd's or eudev), or systemd on its behalf, listens on its
// control socket. The file alone, which libudev asks for, outlives a daemon that was killed. Where
// /proc does not tell, the file has to do.
func (s System) UdevRunning() bool {
	control := s.path("run/udev/control")
	if _, err := os.Lstat(control); err != nil {
		return false
	}
	table, err := os.ReadFile("/proc/net/unix")
	return err != nil || listening(table, control)
}

// listening looks for a listening socket of that path in /proc/net/unix:
//
//	Num RefCount Protocol Flags Type St Inode Path
//	0000000000000000: 00000002 00000000 00010000 0005 01 12345 /run/udev/control
func listening(table []byte, path string) bool {
	const acceptConnections = "00010000" // __SO_ACCEPTCON
	for line := range bytes.Lines(table) {
		fields := bytes.Fields(line)
		if len(fields) == 8 && string(fields[3]) == acceptConnections && string(fields[7]) == path {
			return true
		}
	}
	return false
}
