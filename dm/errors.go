// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/block"
	"golang.org/x/sys/unix"
)

// Kinds of errors, for errors.Is. The errno is matched by errors.Is as well.
var (
	ErrNoDeviceMapper = errors.New("the kernel has no device-mapper")
	ErrPermission     = errors.New("permission denied")
	ErrNotFound       = errors.New("no such mapped device")
	ErrExists         = errors.New("a mapped device of that name or uuid exists")
	ErrBusy           = errors.New("in use")
	ErrUnknownTarget  = errors.New("target unknown to the kernel")
	ErrUnknownCipher  = errors.New("cipher unknown to the kernel")
	ErrNoKey          = errors.New("the kernel has no such key")
	ErrNoBacking      = errors.New("no such underlying device")
	ErrTable          = errors.New("the kernel refuses the table")
	ErrFlag           = errors.New("the kernel's dm-crypt is too old for a flag")
	ErrUnsupported    = errors.New("not supported by this kernel")
	ErrReply          = errors.New("malformed reply of the kernel")
	ErrTooLong        = errors.New("reply too long")
	ErrName           = errors.New("invalid name")
	ErrNode           = errors.New("device node cannot be kept")
	ErrUdev           = errors.New("udev did not confirm in time")
)

// Error is a device-mapper operation that failed.
type Error struct {
	Op     string     // "create", "load", "resume", …
	Device string     // name, uuid or major:minor, as the device was addressed; empty for none
	Kind   error      // one of the Err… values, or nil when the errno says all
	Errno  unix.Errno // 0 where the kernel was not the one to refuse
	Detail string     // more about the kind, such as the missing module
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("device-mapper: " + e.Op)
	if e.Device != "" {
		fmt.Fprintf(&b, " %q", e.Device)
	}
	if e.Kind != nil {
		b.WriteString(": " + e.Kind.Error())
	}
	if e.Detail != "" {
		b.WriteString(": " + e.Detail)
	}
	if e.Errno != 0 && e.Detail == "" {
		b.WriteString(": " + e.Errno.Error())
	}
	return b.String()
}

// Unwrap returns the kind and the errno.
func (e *Error) Unwrap() []error {
	var causes []error
	if e.Kind != nil {
		causes = append(causes, e.Kind)
	}
	if e.Errno != 0 {
		causes = append(causes, e.Errno)
	}
	return causes
}

// kindOf maps an errno to a kind, where the operation decides what it means.
func kindOf(op string, errno unix.Errno) error {
	switch errno {
	case unix.EPERM, unix.EACCES:
		return ErrPermission
	case unix.ENOTTY, unix.ENOSYS:
		return ErrUnsupported
	case unix.ENXIO:
		return ErrNotFound
	case unix.EBUSY:
		return busyKind(op)
	case unix.ENOKEY, unix.EKEYREVOKED, unix.EKEYEXPIRED, unix.EKEYREJECTED:
		return ErrNoKey
	case unix.EAGAIN:
		// dm-crypt refuses to resume after "key wipe" (crypt_preresume).
		if op == opResume {
			return ErrNoKey
		}
	}
	return nil
}

func busyKind(op string) error {
	switch op {
	case opCreate, opRename, opSetUUID:
		return ErrExists
	}
	return ErrBusy
}

// failure makes the typed error of an ioctl.
func failure(op, device string, err error) error {
	var errno unix.Errno
	if !errors.As(err, &errno) {
		return fmt.Errorf("device-mapper: %s %q: %w", op, device, err)
	}
	return &Error{Op: op, Device: device, Kind: kindOf(op, errno), Errno: errno}
}

// BusyError is a device that could not be removed, with what is known about who holds it
// (sysfs holders, mounts, swap, processes).
type BusyError struct {
	Device    string
	OpenCount int            // as the kernel counts: openers, mounts and devices above
	Holders   []block.Holder // empty where nobody could be found
}

func (e *BusyError) Error() string {
	text := fmt.Sprintf("device-mapper: remove %q: in use, open count %d", e.Device, e.OpenCount)
	for i, h := range e.Holders {
		text += []string{": ", ", "}[min(i, 1)] + describe(h)
	}
	return text
}

// describe puts a holder into words.
func describe(h block.Holder) string {
	switch h.Kind {
	case block.HolderMount:
		return "mounted on " + h.Name
	case block.HolderProcess:
		return fmt.Sprintf("process %d (%s)", h.PID, h.Name)
	}
	return h.Kind.String() + " " + h.Name
}

// Unwrap returns ErrBusy and EBUSY.
func (e *BusyError) Unwrap() []error { return []error{ErrBusy, unix.EBUSY} }

// NodeError is a node under /dev/mapper that could not be made or removed. The mapped device itself
// is as the operation left it.
type NodeError struct {
	Path string
	Err  error
}

func (e *NodeError) Error() string { return "device-mapper: node " + e.Path + ": " + e.Err.Error() }

// Unwrap returns ErrNode and the cause.
func (e *NodeError) Unwrap() []error { return []error{ErrNode, e.Err} }
