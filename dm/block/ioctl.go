// SPDX-License-Identifier: Apache-2.0

package block

import (
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ioctl passes a pointer to value to one of the kernel's block ioctls (linux/fs.h); T must be
// exactly what that ioctl reads or writes.
func ioctl[T any](fd int, request uint, value *T) error {
	for {
		_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), uintptr(request), uintptr(unsafe.Pointer(value)))
		runtime.KeepAlive(value)
		switch errno {
		case 0:
			return nil
		case unix.EINTR:
		default:
			return errno
		}
	}
}

// deviceSize asks BLKGETSIZE64: a __u64 of bytes, whatever size_t its number is made from.
func deviceSize(fd int) (int64, error) {
	var n uint64
	err := ioctl(fd, unix.BLKGETSIZE64, &n)
	return int64(n), err
}

// deviceUint asks an ioctl that writes an int or unsigned int (BLKSSZGET, BLKPBSZGET, BLKIOMIN,
// BLKIOOPT, BLKROGET).
func deviceUint(fd int, request uint) (int64, error) {
	var n uint32
	err := ioctl(fd, request, &n)
	return int64(n), err
}

// alignmentOffset asks BLKALIGNOFF, a signed int: -1 means misaligned.
func alignmentOffset(fd int) (int64, error) {
	var n int32
	err := ioctl(fd, unix.BLKALIGNOFF, &n)
	return int64(n), err
}

// readAhead asks BLKRAGET, a C long of 512-byte sectors.
func readAhead(fd int) (int64, error) {
	var n uintptr
	err := ioctl(fd, unix.BLKRAGET, &n)
	return int64(n), err
}

// diskSequence asks BLKGETDISKSEQ (Linux 5.15), a __u64.
func diskSequence(fd int) (uint64, error) {
	var n uint64
	err := ioctl(fd, unix.BLKGETDISKSEQ, &n)
	return n, err
}

// zeroOut asks BLKZEROOUT for a sector-aligned range of bytes.
func zeroOut(fd int, off, n int64) error {
	span := [2]uint64{uint64(off), uint64(n)}
	return ioctl(fd, unix.BLKZEROOUT, &span)
}

// aligned tells whether p may be handed to the kernel for O_DIRECT as it is.
func aligned(p []byte, to int) bool {
	return len(p) > 0 && uintptr(unsafe.Pointer(unsafe.SliceData(p)))%uintptr(to) == 0
}
