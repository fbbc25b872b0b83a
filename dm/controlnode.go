// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"bufio"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Numbers of the control device: major 10 is "misc", and 236 is reserved for the device-mapper
// (Documentation/admin-guide/devices.txt), so that opening the node can load the module.
const (
	miscMajor    = 10
	controlMinor = 236
)

// paths are the places that concern the control node.
type paths struct {
	mapper string // directory of the nodes
	misc   string // list of misc devices
}

func systemPaths() paths { return paths{mapper: "/dev/mapper", misc: "/proc/misc"} }

func (p paths) control() string { return filepath.Join(p.mapper, unix.DM_CONTROL_NODE) }

// openControl opens the control node, making it first where it is absent or stale.
func openControl(p paths) (*os.File, error) {
	made, err := ensureControl(p)
	if err != nil {
		return nil, controlFailure(err)
	}
	file, err := os.OpenFile(p.control(), os.O_RDWR, 0)
	if err != nil {
		if made {
			err = errors.Join(err, os.Remove(p.control()))
		}
		return nil, controlFailure(err)
	}
	return file, nil
}

// ensureControl reports whether it made the node.
func ensureControl(p paths) (made bool, err error) {
	minor, known := miscMinor(p.misc)
	var st unix.Stat_t
	err = unix.Stat(p.control(), &st)
	switch {
	case err == nil && isControl(&st, minor, known):
		return false, nil
	case err == nil && st.Mode&unix.S_IFMT != unix.S_IFCHR:
		return false, fmt.Errorf("%s is no character device: %w", p.control(), unix.ENODEV)
	case err == nil:
		// Left over from another kernel, which numbered it otherwise.
		if err := os.Remove(p.control()); err != nil {
			return false, err
		}
	case !errors.Is(err, fs.ErrNotExist):
		return false, err
	}
	if err := os.Mkdir(p.mapper, 0o755); err != nil && !errors.Is(err, fs.ErrExist) {
		return false, err
	}
	dev := unix.Mkdev(miscMajor, minor)
	err = unix.Mknod(p.control(), unix.S_IFCHR|0o600, int(dev))
	if errors.Is(err, unix.EEXIST) {
		return false, nil // somebody was faster
	}
	return err == nil, err
}

func isControl(st *unix.Stat_t, minor uint32, known bool) bool {
	dev := uint64(st.Rdev) // 32 bits wide on some architectures
	return st.Mode&unix.S_IFMT == unix.S_IFCHR && unix.Major(dev) == miscMajor &&
		(!known || unix.Minor(dev) == minor)
}

// miscMinor reads the minor number from /proc/misc, lines of "<minor> <name>".
func miscMinor(path string) (minor uint32, known bool) {
	file, err := os.Open(path)
	if err != nil {
		return controlMinor, false
	}
	defer file.Close()
	for lines := bufio.NewScanner(file); lines.Scan(); {
		number, name, _ := strings.Cut(strings.TrimSpace(lines.Text()), " ")
		if n, err := strconv.ParseUint(number, 10, 32); err == nil && name == "device-mapper" {
			return uint32(n), true
		}
	}
	return controlMinor, false
}

func controlFailure(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return &Error{Op: "open control", Kind: ErrPermission, Errno: errnoOf(err), Detail: trim(err)}
	}
	return &Error{Op: "open control", Kind: ErrNoDeviceMapper, Errno: errnoOf(err), Detail: trim(err)}
}

func trim(err error) string { return strings.ReplaceAll(err.Error(), "\n", ": ") }

func errnoOf(err error) unix.Errno {
	var errno unix.Errno
	errors.As(err, &errno)
	return errno
}

// noDeviceMapper gives the kind to a version call that something else than the device-mapper met.
func noDeviceMapper(err error) error {
	var e *Error
	if errors.As(err, &e) && e.Kind != ErrPermission {
		return &Error{Op: e.Op, Kind: ErrNoDeviceMapper, Errno: e.Errno}
	}
	return err
}
