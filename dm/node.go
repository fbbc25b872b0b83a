// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"errors"
	"io/fs"
	"os"
	"os/user"
	"path/filepath"
	"strconv"

	"golang.org/x/sys/unix"
)

// nodes keeps the block device nodes below dir where udev does not.
type nodes struct{ dir string }

// Path returns the place of the node of a device, /dev/mapper/NAME with the kernel's form of the name.
func Path(name string) (string, error) {
	kernel, err := Mangle(name)
	return filepath.Join(systemPaths().mapper, kernel), err
}

func (n nodes) path(kernelName string) string { return filepath.Join(n.dir, kernelName) }

// ensure makes the node of a device, unless a node or link to that device is there already. What a
// removed device left behind is replaced; anything that is no device node or link is not touched.
func (n nodes) ensure(kernelName string, dev uint64) error {
	path := n.path(kernelName)
	if leadsTo(path, dev) {
		return nil
	}
	if err := n.clear(path); err != nil {
		return &NodeError{Path: path, Err: err}
	}
	if err := n.create(path, dev); err != nil {
		return &NodeError{Path: path, Err: err}
	}
	return nil
}

// leadsTo reports whether path is the block device dev, or a link to it.
func leadsTo(path string, dev uint64) bool {
	var st unix.Stat_t
	err := unix.Stat(path, &st)
	return err == nil && st.Mode&unix.S_IFMT == unix.S_IFBLK && uint64(st.Rdev) == dev
}

// clear removes a stale node or link.
func (n nodes) clear(path string) error {
	var st unix.Stat_t
	err := unix.Lstat(path, &st)
	switch {
	case errors.Is(err, unix.ENOENT):
		return nil
	case err != nil:
		return err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK, unix.S_IFLNK:
		return os.Remove(path)
	}
	return errors.New("something else than a device node is in its place")
}

// create makes the node under its final name with no rights, then opens it to the group disk, as
// libdevmapper does.
func (n nodes) create(path string, dev uint64) error {
	if err := os.MkdirAll(n.dir, 0o755); err != nil {
		return err
	}
	if err := unix.Mknod(path, unix.S_IFBLK|0o600, int(dev)); err != nil {
		return err
	}
	return errors.Join(os.Chown(path, 0, diskGroup()), os.Chmod(path, 0o660))
}

// diskGroup returns the group id of "disk", or 0.
func diskGroup() int {
	group, err := user.LookupGroup("disk")
	if err != nil {
		return 0
	}
	id, err := strconv.Atoi(group.Gid)
	if err != nil {
		return 0
	}
	return id
}

// drop removes the node of a device that is gone: a node of its number, or a link that leads nowhere.
func (n nodes) drop(kernelName string, dev uint64) error {
	path := n.path(kernelName)
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return nil
	}
	dangling := false
	if st.Mode&unix.S_IFMT == unix.S_IFLNK {
		_, err := os.Stat(path)
		dangling = errors.Is(err, fs.ErrNotExist)
	}
	if !dangling && !leadsTo(path, dev) {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &NodeError{Path: path, Err: err}
	}
	return nil
}
