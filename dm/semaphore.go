// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"errors"
	"structs"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// semaphore is a SysV semaphore set of one (semget(2), semop(2)). Kernels before 5.1 on 386 and s390x
// have no such calls of their own; there every operation fails with ENOSYS.
type semaphore int

// sembuf is struct sembuf of include/uapi/linux/sem.h.
type sembuf struct {
	_     structs.HostLayout
	Num   uint16
	Op    int16
	Flags int16
}

// timespec is struct __kernel_timespec, 64 bits wide in every call used here.
type timespec struct {
	_       structs.HostLayout
	Seconds int64
	Nanos   int64
}

// Constants of sem.h and ipc.h.
const (
	ipcCreate = 0o1000
	ipcExcl   = 0o2000
	ipcNoWait = 0o4000
	ipcRemove = 0
	semGetVal = 12
)

// newSemaphore makes a semaphore of value 0 under an unused key.
func newSemaphore(key uint32) (semaphore, error) {
	id, _, errno := unix.Syscall(unix.SYS_SEMGET, uintptr(key), 1, ipcCreate|ipcExcl|0o600)
	if errno != 0 {
		return 0, errno
	}
	return semaphore(id), nil
}

// add changes the value by n without waiting; EAGAIN where it would become negative.
func (s semaphore) add(n int16) error {
	return s.operate(sembuf{Op: n, Flags: ipcNoWait}, timespec{})
}

// waitZero waits until the value is zero or the semaphore is gone.
func (s semaphore) waitZero(ctx context.Context) error {
	const slice = 100 * time.Millisecond // how long a cancelled ctx may go unnoticed
	for {
		err := s.operate(sembuf{}, timespec{Nanos: int64(slice)})
		switch {
		case err == nil, errors.Is(err, unix.EIDRM), errors.Is(err, unix.EINVAL):
			return nil
		case !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EINTR):
			return err
		}
		if err := ctx.Err(); err != nil {
			return err
		}
	}
}

func (s semaphore) operate(op sembuf, timeout timespec) error {
	_, _, errno := unix.Syscall6(sysSemtimedop, uintptr(s),
		uintptr(unsafe.Pointer(&op)), 1, uintptr(unsafe.Pointer(&timeout)), 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// value returns the present value.
func (s semaphore) value() (int, error) {
	n, _, errno := unix.Syscall6(unix.SYS_SEMCTL, uintptr(s), 0, semGetVal, 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

func (s semaphore) remove() error {
	_, _, errno := unix.Syscall6(unix.SYS_SEMCTL, uintptr(s), 0, ipcRemove, 0, 0, 0)
	if errno != 0 {
		return errno
	}
	return nil
}
