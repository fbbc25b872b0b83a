// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"golang.org/x/sys/unix"
)

// LoopOptions say how a file becomes a loop device.
type LoopOptions struct {
	ReadOnly   bool
	AutoClear  bool   // detach by itself when nobody has it open or mapped any more
	Offset     uint64 // bytes into the file where the device starts
	SizeLimit  uint64 // bytes; 0 is up to the end of the file
	SectorSize int    // logical sector in bytes, 512 to 4096; 0 is the kernel's choice
	Direct     bool   // the kernel reads and writes the file with O_DIRECT
}

// Loop is a loop device with a file behind it, kept open until Close.
type Loop struct {
	Path string // device node, e.g. /dev/loop0
	File string // as given to AttachLoop
	fd   int
}

// loopTries bounds the race for a free device: another process may take it first.
const loopTries = 64

// AttachLoop makes a loop device of a regular file or block device (loop(4)): LOOP_CONFIGURE, or
// where the kernel lacks it (before 5.8) LOOP_SET_FD and LOOP_SET_STATUS64. The device stays
// until Detach or, with AutoClear, until Close if nothing else uses it then. ErrNoLoop where the
// kernel has no loop devices.
func AttachLoop(file string, options LoopOptions) (*Loop, error) {
	backing, err := openFD(file, backingMode(options))
	if err != nil {
		return nil, &PathError{Op: "attach", Path: file, Kind: kindOf(err), Err: err}
	}
	defer unix.Close(backing)
	control, err := openFD("/dev/loop-control", unix.O_RDWR|unix.O_CLOEXEC)
	if err != nil {
		return nil, &PathError{Op: "attach", Path: file, Kind: noLoop(err), Err: err}
	}
	defer unix.Close(control)
	for range loopTries {
		loop, err := attachFree(control, backing, file, options)
		if err == nil {
			return loop, nil
		}
		if !errors.Is(err, unix.EBUSY) {
			return nil, &PathError{Op: "attach", Path: file, Err: err}
		}
	}
	return nil, &PathError{Op: "attach", Path: file, Kind: ErrBusy, Err: unix.EBUSY}
}

func backingMode(options LoopOptions) int {
	if options.ReadOnly {
		return unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NONBLOCK
	}
	return unix.O_RDWR | unix.O_CLOEXEC | unix.O_NONBLOCK
}

func noLoop(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, unix.ENXIO) || errors.Is(err, unix.ENODEV) {
		return ErrNoLoop
	}
	return nil
}

// attachFree asks for a free device and configures it; EBUSY if somebody else was faster.
func attachFree(control, backing int, file string, options LoopOptions) (*Loop, error) {
	index, err := unix.IoctlRetInt(control, unix.LOOP_CTL_GET_FREE)
	if err != nil {
		return nil, err
	}
	loop := &Loop{Path: fmt.Sprintf("/dev/loop%d", index), File: file}
	if loop.fd, err = openNode(loop.Path, backingMode(options)); err != nil {
		return nil, err
	}
	if err := configure(loop.fd, backing, file, options); err != nil {
		_ = unix.Close(loop.fd)
		return nil, err
	}
	return loop, nil
}

// openNode waits up to a second for devtmpfs or udev to make the node of a new device.
func openNode(path string, mode int) (fd int, err error) {
	for wait := time.Millisecond; wait < time.Second; wait *= 2 {
		fd, err = openFD(path, mode)
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, unix.ENXIO) {
			return fd, err
		}
		time.Sleep(wait)
	}
	return fd, err
}

// OpenLoop opens a loop device that exists already, to Detach it or tell it of its file's new size.
func OpenLoop(path string) (*Loop, error) {
	file, err := LoopBacking(path)
	if err != nil {
		return nil, err
	}
	fd, err := openFD(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK)
	if err != nil {
		return nil, &PathError{Op: "open", Path: path, Kind: kindOf(err), Err: err}
	}
	return &Loop{Path: path, File: file, fd: fd}, nil
}

// Detach takes the file away from the device, at once or when its last user is gone, and closes.
func (l *Loop) Detach() error {
	if err := unix.IoctlSetInt(l.fd, unix.LOOP_CLR_FD, 0); err != nil {
		return errors.Join(&IOError{Path: l.Path, Op: "detach", Err: err}, l.Close())
	}
	return l.Close()
}

// SetCapacity makes the device as long as its file has become.
func (l *Loop) SetCapacity() error {
	if err := unix.IoctlSetInt(l.fd, unix.LOOP_SET_CAPACITY, 0); err != nil {
		return &IOError{Path: l.Path, Op: "resize", Err: err}
	}
	return nil
}

// Close lets go of the device; with AutoClear it goes away with its last user.
func (l *Loop) Close() error {
	if l.fd < 0 {
		return nil
	}
	fd := l.fd
	l.fd = -1
	if err := unix.Close(fd); err != nil && !errors.Is(err, unix.EINTR) {
		return &IOError{Path: l.Path, Op: "close", Err: err}
	}
	return nil
}
