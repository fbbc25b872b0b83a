// SPDX-License-Identifier: Apache-2.0

package block

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/dm/given"
)

// LockKind says who may hold the same lock besides.
type LockKind int

const (
	// LockShared is for readers: other readers may hold it too.
	LockShared LockKind = iota
	// LockExclusive is for writers: nobody else holds it. On a block device it also holds back
	// udevd, see Lock.HoldsUdev.
	LockExclusive
)

// LockDirectory holds the lock files of block devices and of names.
type LockDirectory string

// SystemLocks is the directory that cryptsetup uses.
const SystemLocks LockDirectory = "/run/cryptsetup"

// Lock is a held lock. It belongs to the process that took it and ends with it.
type Lock struct {
	file   *lockFile
	behind []*lockFile // what a loop device shows, see LockDirectory.behind
	udev   int         // open node of the disk with a flock on it, or -1
	device *Device     // whose lock it is; nil for a named lock
}

// Lock waits for the lock of the device among SystemLocks: see LockDirectory.Lock.
func (d *Device) Lock(ctx context.Context, kind LockKind) (*Lock, error) {
	return SystemLocks.Lock(ctx, d, kind)
}

// Lock waits, until ctx ends, for the lock that cryptsetup takes before it reads or writes LUKS2
// metadata: flock(2) on the file L_<major>:<minor> for a block device, whatever path it was
// opened by, and on the file itself for an image. For a loop device what it shows is locked too, since others may
// reach the same bytes without it. Locks do not nest (ErrHeld): release and lock
// again to change the kind, then read everything again. Two Devices of one process exclude each
// other like two processes. The lock stays until Release, also when the device is closed.
//
// Errors are *PathError with the cause: ctx.Err(), ErrReplaced for an image that was renamed
// away, or what kept the lock directory from being made.
func (dir LockDirectory) Lock(ctx context.Context, d *Device, kind LockKind) (*Lock, error) {
	if d == nil || d.path == "" {
		return nil, &PathError{Op: "lock", Err: fs.ErrInvalid}
	}
	if err := given.Context(ctx); err != nil {
		return nil, &PathError{Op: "lock", Path: d.path, Err: err}
	}
	if !d.hold() {
		return nil, &PathError{Op: "lock", Path: d.path, Kind: ErrHeld}
	}
	file, err := dir.lockDevice(ctx, d, kind)
	if err != nil {
		d.letGo()
		return nil, lockError(d.path, err)
	}
	lock := &Lock{file: file, udev: -1, device: d}
	if d.block {
		if lock.behind, err = dir.behind(ctx, number{d.Major(), d.Minor()}, kind); err != nil {
			return nil, errors.Join(lockError(d.path, err), lock.Release())
		}
		if _, loop := system.backing(number{d.Major(), d.Minor()}); loop { // also where its lock was not to be had
			forget(d.fd)
		}
	}
	if d.block && kind == LockExclusive {
		lock.udev = system.holdUdev(ctx, number{d.Major(), d.Minor()})
	}
	return lock, nil
}

func (dir LockDirectory) lockDevice(ctx context.Context, d *Device, kind LockKind) (*lockFile, error) {
	if !d.block {
		return lockImage(ctx, d, kind)
	}
	return dir.lockNumber(ctx, number{d.Major(), d.Minor()}, kind)
}

func (dir LockDirectory) lockNumber(ctx context.Context, n number, kind LockKind) (*lockFile, error) {
	return dir.lockEntry(ctx, fmt.Sprintf("L_%d:%d", n.major, n.minor), waitFor(kind))
}

func waitFor(kind LockKind) int {
	if kind == LockExclusive {
		return unix.LOCK_EX
	}
	return unix.LOCK_SH
}

// LockName waits for the exclusive lock LN_<name>, e.g. "memory-hard-access".
func (dir LockDirectory) LockName(ctx context.Context, name string) (*Lock, error) {
	return dir.named(ctx, name, unix.LOCK_EX)
}

// TryLockName takes the exclusive lock LN_<name>, e.g. "LUKS2-reencryption-<uuid>", or fails at
// once with ErrLocked.
func (dir LockDirectory) TryLockName(name string) (*Lock, error) {
	return dir.named(context.Background(), name, unix.LOCK_EX|unix.LOCK_NB)
}

func (dir LockDirectory) named(ctx context.Context, name string, how int) (*Lock, error) {
	err := given.Context(ctx)
	if err != nil {
		return nil, lockError(name, err)
	}
	file, err := dir.lockEntry(ctx, "LN_"+name, how)
	if err != nil {
		return nil, lockError(name, err)
	}
	return &Lock{file: file, udev: -1}, nil
}

func lockError(path string, err error) error {
	var said *PathError
	if errors.As(err, &said) {
		return err
	}
	if errors.Is(err, unix.EWOULDBLOCK) {
		return &PathError{Op: "lock", Path: path, Kind: ErrLocked}
	}
	return &PathError{Op: "lock", Path: path, Err: err}
}

// HoldsUdev tells whether udevd keeps its hands off the device while the lock is held: an
// exclusive flock on the node of the disk, which udevd honours for all but device-mapper, md and
// drbd devices. It is attempted for half a second and does without if something else has it.
func (l *Lock) HoldsUdev() bool { return l != nil && l.udev >= 0 }

// Release gives the lock back and removes its file if nobody waits for it. Calling it again, or
// on nil, does nothing.
func (l *Lock) Release() error {
	if l == nil || l.file == nil {
		return nil
	}
	file := l.file
	l.file = nil
	if l.udev >= 0 {
		_ = unix.Close(l.udev)
		l.udev = -1
	}
	if l.device != nil {
		l.device.letGo()
	}
	var err error
	for _, b := range slices.Backward(l.behind) {
		err = errors.Join(err, b.release())
	}
	l.behind = nil
	return errors.Join(err, file.release())
}

func (d *Device) hold() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	was := d.held
	d.held = true
	return !was
}

func (d *Device) letGo() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.held = false
}
