// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"errors"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// System is the machine whose /sys and /run are read; the zero value is this one.
type System struct {
	Root string // directory above sys and run, "/" when empty
}

func (s System) path(elements ...string) string {
	return filepath.Join(append([]string{"/", s.Root}, elements...)...)
}

// UdevRunning tells whether udevd (systemd's or eudev), or systemd on its behalf, has its control
// socket. The file alone, which libudev asks for, outlives a daemon that was killed. Who may not look
// is told that it runs where the file is.
func (s System) UdevRunning() bool {
	// A socket of another type is refused with EPROTOTYPE where one is bound to the file, with
	// ECONNREFUSED where none is: udevd itself notices nothing, and is not started.
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	err = unix.Connect(fd, &unix.SockaddrUnix{Name: s.path("run/udev/control")})
	return err == nil || errors.Is(err, unix.EPROTOTYPE) || errors.Is(err, unix.EACCES)
}
