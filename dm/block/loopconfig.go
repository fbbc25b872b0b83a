// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// configure binds the backing file and all options to a loop device in one step where the kernel
// can, so that nobody sees it half set up.
func configure(fd, backing int, file string, options LoopOptions) error {
	config := unix.LoopConfig{Fd: uint32(backing), Size: uint32(options.SectorSize), Info: loopInfo(file, options)}
	err := unix.IoctlLoopConfigure(fd, &config)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOTTY) || errors.Is(err, unix.ENOSYS) {
		return configureInSteps(fd, backing, file, options)
	}
	return err
}

func loopInfo(file string, options LoopOptions) unix.LoopInfo64 {
	info := unix.LoopInfo64{Offset: options.Offset, Sizelimit: options.SizeLimit}
	copy(info.File_name[:len(info.File_name)-1], file) // the kernel wants a NUL; sysfs has it whole
	if options.ReadOnly {
		info.Flags |= unix.LO_FLAGS_READ_ONLY
	}
	if options.AutoClear {
		info.Flags |= unix.LO_FLAGS_AUTOCLEAR
	}
	if options.Direct {
		info.Flags |= unix.LO_FLAGS_DIRECT_IO
	}
	return info
}

// configureInSteps is for kernels before 5.8. The device is read-only because backing is.
func configureInSteps(fd, backing int, file string, options LoopOptions) error {
	if err := unix.IoctlSetInt(fd, unix.LOOP_SET_FD, backing); err != nil {
		return err
	}
	err := setStatus(fd, loopInfo(file, options))
	if err == nil && options.SectorSize > 0 {
		err = again(func() error { return unix.IoctlSetInt(fd, unix.LOOP_SET_BLOCK_SIZE, options.SectorSize) })
	}
	if err == nil && options.Direct {
		err = unix.IoctlSetInt(fd, unix.LOOP_SET_DIRECT_IO, 1)
	}
	if err != nil {
		_ = unix.IoctlSetInt(fd, unix.LOOP_CLR_FD, 0)
	}
	return err
}

func setStatus(fd int, info unix.LoopInfo64) error {
	info.Flags &= unix.LOOP_SET_STATUS_SETTABLE_FLAGS
	return again(func() error { return unix.IoctlLoopSetStatus64(fd, &info) })
}

// again repeats for up to a second what fails with EAGAIN while the page cache is being dropped.
func again(call func() error) (err error) {
	for wait := time.Millisecond; wait < time.Second; wait *= 2 {
		if err = call(); !errors.Is(err, unix.EAGAIN) {
			return err
		}
		time.Sleep(wait)
	}
	return err
}
