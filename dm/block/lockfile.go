// SPDX-License-Identifier: Apache-2.0

package block

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"golang.org/x/sys/unix"
)

// lockFile is an open file with a flock on it.
type lockFile struct {
	fd        int
	directory int    // open lock directory, -1 for an image, which is its own lock file
	name      string // in directory
}

// open makes the directory if need be and opens it, never through a link.
func (dir LockDirectory) open() (int, error) {
	if err := unix.Mkdir(string(dir), 0o700); err != nil && !errors.Is(err, unix.EEXIST) {
		return -1, fmt.Errorf("lock directory %s: %w", dir, err)
	}
	fd, err := openFD(string(dir), unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_DIRECTORY|unix.O_CLOEXEC)
	if err != nil {
		return -1, fmt.Errorf("lock directory %s: %w", dir, err)
	}
	return fd, nil
}

// lockEntry locks a file of the directory, anew whenever its last holder removed it meanwhile.
func (dir LockDirectory) lockEntry(ctx context.Context, name string, how int) (*lockFile, error) {
	if name == "" || strings.ContainsRune(name, '/') {
		return nil, fs.ErrInvalid
	}
	directory, err := dir.open()
	if err != nil {
		return nil, err
	}
	for {
		file, err := lockOnce(ctx, directory, name, how)
		if err != nil {
			_ = unix.Close(directory)
			return nil, err
		}
		if file.stillNamed() {
			return file, nil
		}
		_ = unix.Close(file.fd)
	}
}

func lockOnce(ctx context.Context, directory int, name string, how int) (*lockFile, error) {
	fd := -1
	err := restart(func() (err error) {
		fd, err = unix.Openat(directory, name, unix.O_CREAT|unix.O_NOFOLLOW|unix.O_RDWR|unix.O_CLOEXEC, 0o644)
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := flock(ctx, fd, how); err != nil {
		return nil, err
	}
	return &lockFile{fd: fd, directory: directory, name: name}, nil
}

// stillNamed tells whether the name leads to the file that is locked.
func (f *lockFile) stillNamed() bool {
	var named, locked unix.Stat_t
	if unix.Fstat(f.fd, &locked) != nil {
		return false
	}
	if unix.Fstatat(f.directory, f.name, &named, unix.AT_SYMLINK_NOFOLLOW) != nil {
		return false
	}
	return named.Dev == locked.Dev && named.Ino == locked.Ino
}

// release unlocks, and removes the file only if it can be locked again at once: otherwise
// somebody else uses it.
func (f *lockFile) release() error {
	err := restart(func() error { return unix.Flock(f.fd, unix.LOCK_UN) })
	if f.directory >= 0 {
		if unix.Flock(f.fd, unix.LOCK_EX|unix.LOCK_NB) == nil && f.stillNamed() {
			_ = unix.Unlinkat(f.directory, f.name, 0)
		}
		_ = unix.Close(f.directory)
	}
	_ = unix.Close(f.fd)
	if err != nil {
		return fmt.Errorf("block: unlocking: %w", err)
	}
	return nil
}

// lockImage locks a regular file through an opening of its own, so that the lock outlives the
// device's file and does not change with it. An exclusive lock is writable where possible: NFS wants
// that. A shared one is not, so that who watches the file for writers sees none.
func lockImage(ctx context.Context, d *Device, kind LockKind) (*lockFile, error) {
	fd, err := openToLock(d.path, kind)
	if err != nil {
		return nil, err
	}
	if err := flock(ctx, fd, waitFor(kind)); err != nil {
		return nil, err
	}
	var st unix.Stat_t
	if err := unix.Stat(d.path, &st); err != nil || (identity{uint64(st.Dev), st.Ino}) != d.inode ||
		!sameFile(fd, d.inode) {
		_ = unix.Close(fd)
		return nil, ErrReplaced
	}
	return &lockFile{fd: fd, directory: -1}, nil
}

func openToLock(path string, kind LockKind) (int, error) {
	fd, err := -1, error(unix.EACCES)
	if kind == LockExclusive {
		fd, err = openFD(path, unix.O_RDWR|unix.O_NONBLOCK|unix.O_CLOEXEC)
	}
	if err != nil {
		fd, err = openFD(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC)
	}
	return fd, err
}

func sameFile(fd int, want identity) bool {
	var st unix.Stat_t
	return unix.Fstat(fd, &st) == nil && (identity{uint64(st.Dev), st.Ino}) == want
}

// flock waits for a lock until ctx ends; on any error fd is given up. The kernel cannot be told
// to stop waiting, so a cancelled wait goes on in the background and lets go as soon as it gets
// the lock; polling instead would lose every race against those who wait.
func flock(ctx context.Context, fd, how int) error {
	err := restart(func() error { return unix.Flock(fd, how|unix.LOCK_NB) })
	if errors.Is(err, unix.EWOULDBLOCK) && how&unix.LOCK_NB == 0 {
		return flockWait(ctx, fd, how)
	}
	if err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = unix.Close(fd)
	}
	return err
}

func flockWait(ctx context.Context, fd, how int) error {
	got := make(chan error)
	go func() {
		err := restart(func() error { return unix.Flock(fd, how) })
		select {
		case got <- err:
		case <-ctx.Done():
			_ = unix.Close(fd)
		}
	}()
	select {
	case err := <-got:
		if err != nil {
			_ = unix.Close(fd)
		}
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}
