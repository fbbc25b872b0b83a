// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/dm/folder"
)

// NoInitError says that the root has no program to hand over to.
type NoInitError struct{ Tried []string }

func (e *NoInitError) Error() string {
	return "the root file system has none of " + strings.Join(e.Tried, ", ")
}

// handOver makes what is mounted at newRoot the root and becomes its init. It
// returns only when it fails.
func handOver(root Root, args []string) error {
	program, err := findInit(root.candidates())
	if err != nil {
		return err
	}
	for _, m := range kernelMounts {
		if err := unix.Mount(m.dir, newRoot+m.dir, "", unix.MS_MOVE, ""); err != nil {
			return fmt.Errorf("moving %s to the root: %w", m.dir, err)
		}
	}
	if err := emptyInitramfs(); err != nil {
		return err
	}
	if err := unix.Chdir(newRoot); err != nil {
		return err
	}
	if err := unix.Mount(".", "/", "", unix.MS_MOVE, ""); err != nil {
		return fmt.Errorf("moving the root: %w", err)
	}
	if err := errors.Join(unix.Chroot("."), unix.Chdir("/")); err != nil {
		return err
	}
	// Not x/sys: the library's own Exec gives the limits back that it raised.
	return fmt.Errorf("%s: %w", program, syscall.Exec(program, append([]string{program}, args...), os.Environ()))
}

// findInit returns the first candidate that is there, as seen from the root:
// absolute links in it lead to places in it.
func findInit(candidates []string) (string, error) {
	for _, program := range candidates {
		if inRoot(newRoot, program) {
			return program, nil
		}
	}
	return "", &NoInitError{Tried: candidates}
}

func inRoot(root, name string) bool {
	fd, err := unix.Open(root, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	file, err := unix.Openat2(fd, name, &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_IN_ROOT,
	})
	if err != nil {
		return false
	}
	return unix.Close(file) == nil
}

// emptyInitramfs gives back the memory of the initial file system; files that
// only root may read are overwritten first, since they may be keys. It does
// nothing when "/" is not in memory.
func emptyInitramfs() error {
	var st unix.Statfs_t
	if err := unix.Statfs("/", &st); err != nil {
		return err
	}
	if kind := uint32(st.Type); kind != unix.RAMFS_MAGIC && kind != unix.TMPFS_MAGIC {
		return nil
	}
	var top unix.Stat_t
	if err := unix.Lstat("/", &top); err != nil {
		return err
	}
	return empty("/", uint64(top.Dev)) // 32 bits on mips64
}

// empty removes what is in a directory and on the same file system.
func empty(dir string, device uint64) error {
	entries, err := folder.Names(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		name := filepath.Join(dir, e)
		var st unix.Stat_t
		if err := unix.Lstat(name, &st); err != nil || uint64(st.Dev) != device {
			continue
		}
		if err := remove(name, device, st); err != nil && !errors.Is(err, fs.ErrExist) &&
			!errors.Is(err, unix.EBUSY) {
			return err
		}
	}
	return nil
}

func remove(name string, device uint64, st unix.Stat_t) error {
	kind := st.Mode & unix.S_IFMT
	if kind == unix.S_IFDIR {
		if err := empty(name, device); err != nil {
			return err
		}
	} else if kind == unix.S_IFREG && st.Mode&0o077 == 0 {
		if err := overwrite(name, st.Size); err != nil {
			return err
		}
	}
	err := os.Remove(name)
	if errors.Is(err, unix.ENOTEMPTY) {
		return nil // something is mounted below
	}
	return err
}

func overwrite(name string, size int64) error {
	f, err := os.OpenFile(name, os.O_WRONLY, 0)
	if errors.Is(err, unix.ETXTBSY) {
		return nil // this program itself
	}
	if err != nil {
		return err
	}
	zeros := make([]byte, 4096)
	for done := int64(0); done < size && err == nil; done += int64(len(zeros)) {
		_, err = f.WriteAt(zeros[:min(int64(len(zeros)), size-done)], done)
	}
	return errors.Join(err, f.Close())
}
