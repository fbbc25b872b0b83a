// SPDX-License-Identifier: Apache-2.0

package block

import (
	"context"
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// behind locks what shows the same bytes as a loop device: its file, or the device under it, and what is under that.
// It comes after the device's own lock, so that all who lock one way down do it in one order. A file that was deleted,
// or that is not to be had from here, has no other users to be kept out.
func (dir LockDirectory) behind(ctx context.Context, n number, kind LockKind) (held []*lockFile, err error) {
	for err == nil {
		path, ok := system.backing(n)
		if !ok {
			return held, nil
		}
		var st unix.Stat_t
		if restart(func() error { return unix.Stat(path, &st) }) != nil {
			return held, nil
		}
		var file *lockFile
		switch st.Mode & unix.S_IFMT {
		case unix.S_IFREG:
			file, err = lockBacking(ctx, path, kind)
		case unix.S_IFBLK:
			n = number{unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev))}
			if file, err = dir.lockNumber(ctx, n, kind); err == nil {
				forgetAt(path)
			}
		}
		if file != nil {
			held = append(held, file)
		}
		if st.Mode&unix.S_IFMT != unix.S_IFBLK {
			break
		}
	}
	if err != nil {
		for _, f := range held {
			err = errors.Join(err, f.release())
		}
		held = nil
	}
	return held, err
}

// How long the lock of a file behind a loop device is waited for. Programs that know nothing of LUKS hold such locks
// for as long as they use an image.
const (
	readersPatience = 2 * time.Second
	writersPatience = 30 * time.Second
)

// lockBacking locks the file of a loop device; one that cannot be opened is let be. Where the lock is not to be had in
// time, a reader does without, since one valid header is there at each instant, and a writer gets ErrLocked.
func lockBacking(ctx context.Context, path string, kind LockKind) (*lockFile, error) {
	fd, err := openToLock(path, kind)
	if err != nil {
		return nil, nil
	}
	patience := readersPatience
	if kind == LockExclusive {
		patience = writersPatience
	}
	patient, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	err = flock(patient, fd, waitFor(kind))
	switch {
	case err == nil:
		return &lockFile{fd: fd, directory: -1}, nil
	case ctx.Err() != nil || patient.Err() == nil:
		return nil, err
	case kind == LockShared:
		return nil, nil
	}
	return nil, &PathError{Op: "lock", Path: path, Kind: ErrLocked}
}

// forget drops what the page cache of a device holds of it. A write to the file behind a loop device, or through
// another one, does not reach pages that were read through this one.
func forget(fd int) { _ = unix.Fadvise(fd, 0, 0, unix.FADV_DONTNEED) }

func forgetAt(path string) {
	if fd, err := openFD(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC); err == nil {
		forget(fd)
		_ = unix.Close(fd)
	}
}
