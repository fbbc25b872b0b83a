// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"fmt"
)

// Kinds of error. A path that does not exist is fs.ErrNotExist, one that may not be opened
// fs.ErrPermission.
var (
	// ErrNotBlock: neither a block device nor a regular file (a directory, /dev/null, a FIFO).
	ErrNotBlock = errors.New("not a block device or regular file")
	// ErrBusy: the device is held exclusively (mounted, mapped, swap, part of an array).
	ErrBusy = errors.New("in use")
	// ErrReadOnly: opened for writing, but the device or its file system is read-only.
	ErrReadOnly = errors.New("read-only")
	// ErrSuspended: a mapping that the device-mapper holds back all reads and writes of.
	ErrSuspended = errors.New("suspended")
	// ErrBeyondEnd: a write that would pass the end of the device or file.
	ErrBeyondEnd = errors.New("beyond the end of the device")
	// ErrReplaced: the path names another device or file than the one that was opened.
	ErrReplaced = errors.New("replaced by another device or file")
	// ErrNoDiskLinks: udev's /dev/disk directory for this kind of name is absent, so that the
	// caller may search the devices itself (see Devices). Also fs.ErrNotExist.
	ErrNoDiskLinks = errors.New("no links in /dev/disk")
	// ErrHeld: this Device already holds a lock; locks do not nest.
	ErrHeld = errors.New("lock already held")
	// ErrLocked: a lock that was only tried is held by another process.
	ErrLocked = errors.New("locked by another process")
	// ErrNoLoop: the kernel offers no loop devices.
	ErrNoLoop = errors.New("no loop devices")
)

// PathError tells which path could not be opened, resolved or locked. It unwraps to one of the
// kinds above (when one fits) and to the kernel's errno.
type PathError struct {
	Op   string // "open", "lock", "resolve", "attach"
	Path string
	Kind error // nil when the errno alone says it
	Err  error // cause; nil when Kind alone says it
}

func (e *PathError) Error() string {
	return fmt.Sprintf("block: %s %s: %v", e.Op, e.Path, join(e.Kind, e.Err))
}

// Unwrap gives the kind and the cause.
func (e *PathError) Unwrap() []error { return present(e.Kind, e.Err) }

// IOError is a read, write, sync, zero or flush that the kernel failed. Offset and Length say
// which bytes were asked of the kernel (0, 0 for a sync), not which of them are bad.
type IOError struct {
	Path   string
	Op     string // "read", "write", "sync", "zero", "flush"
	Offset int64  // bytes
	Length int64  // bytes
	Err    error  // the errno, ErrBeyondEnd or io.ErrUnexpectedEOF
}

func (e *IOError) Error() string {
	if e.Length == 0 {
		return fmt.Sprintf("block: %s %s: %v", e.Op, e.Path, e.Err)
	}
	return fmt.Sprintf("block: %s %s: %d bytes at %d: %v", e.Op, e.Path, e.Length, e.Offset, e.Err)
}

func (e *IOError) Unwrap() error { return e.Err }

func join(kind, cause error) error {
	switch {
	case kind == nil:
		return cause
	case cause == nil:
		return kind
	}
	return fmt.Errorf("%w (%w)", kind, cause)
}

func present(errs ...error) (out []error) {
	for _, err := range errs {
		if err != nil {
			out = append(out, err)
		}
	}
	return out
}
