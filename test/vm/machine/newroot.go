// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/test/pace"
	"golang.org/x/sys/unix"
)

const newRoot = "/newroot"

// enterRoot makes the file system on a disk the guest's root and brings into it
// what the initramfs has for it.
func enterRoot(plan guestPlan) error {
	node, err := awaitDisk(plan.Root)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(newRoot, 0o755); err != nil {
		return err
	}
	if err := unix.Mount(node, newRoot, "ext4", unix.MS_NOATIME, ""); err != nil {
		return fmt.Errorf("mount %s: %w", node, err)
	}
	for _, name := range append(plan.Files, planFile) {
		if err := bring(name, newRoot+name); err != nil {
			return err
		}
	}
	return switchRoot()
}

func awaitDisk(name string) (string, error) {
	var node string
	if !pace.Await(hotplugTimeout, func() bool {
		node = findDisk(name)
		_, err := os.Stat(node)
		return node != "" && err == nil
	}) {
		return "", fmt.Errorf("no disk %s: %w", name, os.ErrNotExist)
	}
	return node, nil
}

// bring copies a file, a link or a directory without what is in it.
func bring(from, to string) error {
	info, err := os.Lstat(from)
	switch {
	case err != nil:
		return err
	case info.IsDir():
		return os.MkdirAll(to, info.Mode().Perm())
	case info.Mode()&fs.ModeSymlink != 0:
		return bringLink(from, to)
	}
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	return bringFile(from, to, info.Mode().Perm())
}

func bringLink(from, to string) error {
	target, err := os.Readlink(from)
	if err != nil {
		return err
	}
	err = os.Remove(to)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.Symlink(target, to)
}

func bringFile(from, to string, mode fs.FileMode) (err error) {
	source, err := os.Open(from)
	if err != nil {
		return err
	}
	defer source.Close()
	dest, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, mode)
	if err != nil {
		return err
	}
	_, err = io.Copy(dest, source)
	return firstError(err, dest.Close())
}

// switchRoot moves what is mounted into the new root and makes it "/". All
// threads of a process share its root.
func switchRoot() error {
	for _, dir := range []string{"/dev", "/proc", "/sys", "/run", "/tmp"} {
		if err := unix.Mount(dir, newRoot+dir, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("move %s: %w", dir, err)
		}
	}
	if err := unix.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("move the root: %w", err)
	}
	return firstError(unix.Chroot("."), unix.Chdir("/"))
}
