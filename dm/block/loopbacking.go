// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// ErrNotLoop: the device is no loop device, or one without a file.
var ErrNotLoop = errors.New("no loop device with a file")

// LoopBacking gives the path of the file behind a loop device, as the kernel knows it from this
// mount namespace; a deleted file's ends in " (deleted)". ErrNotLoop for other devices and unused
// loop devices.
func LoopBacking(path string) (string, error) {
	st, err := statKind(path)
	if err != nil {
		return "", &PathError{Op: "resolve", Path: path, Kind: kindOf(err), Err: causeOf(err)}
	}
	rdev := uint64(st.Rdev)
	file, ok := system.backing(number{unix.Major(rdev), unix.Minor(rdev)})
	if st.Mode&unix.S_IFMT != unix.S_IFBLK || !ok {
		return "", &PathError{Op: "resolve", Path: path, Kind: ErrNotLoop}
	}
	return file, nil
}

// backing reads sysfs, since the ioctl cuts names at 63 bytes.
func (r root) backing(n number) (string, bool) {
	text, err := os.ReadFile(r.path("sys/dev/block", n.String(), "loop/backing_file"))
	return strings.TrimSuffix(string(text), "\n"), err == nil
}
