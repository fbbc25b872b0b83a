// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

// Flags say how a device is opened; zero is read-only and shared, through the page cache.
type Flags uint

const (
	// ReadWrite opens for writing too.
	ReadWrite Flags = 1 << iota
	// Exclusive claims a block device (O_EXCL): ErrBusy if something holds it, and nothing can
	// mount or map it until Close. Without meaning for a regular file.
	Exclusive
	// Direct reads and writes a block device past the page cache (O_DIRECT) if a test read of
	// its first sector shows that it works. A regular file stays in the page cache, since its
	// last partial sector could not be written otherwise.
	Direct
)

// Device is an open block device or regular file ("image"). ReadAt, ReadAround and WriteAt may
// be called from several goroutines; writes that share a sector must not overlap in time.
type Device struct {
	path     string
	fd       int
	medium   medium // fd, but for tests
	block    bool
	writable bool
	direct   bool
	number   uint64 // st_rdev of a block device
	inode    identity
	logical  int // bytes
	physical int // bytes

	mu    sync.Mutex
	size  int64
	dirty span // written since the last Sync
	held  bool // a Lock exists
}

// identity is what makes two open files the same one.
type identity struct{ device, inode uint64 }

// Open opens a block device or a regular file. It neither writes, creates nor waits; links are
// followed. Errors are *PathError of kind ErrNotBlock, ErrBusy, ErrReadOnly, ErrSuspended,
// fs.ErrNotExist or fs.ErrPermission.
func Open(path string, flags Flags) (*Device, error) {
	d := &Device{path: path, fd: -1, writable: flags&ReadWrite != 0}
	before, err := statKind(path)
	if err != nil {
		return nil, &PathError{Op: "open", Path: path, Kind: kindOf(err), Err: causeOf(err)}
	}
	d.block = before.Mode&unix.S_IFMT == unix.S_IFBLK
	if d.block {
		if err := running(path, uint64(before.Rdev)); err != nil {
			return nil, err
		}
	}
	if d.fd, err = openFD(path, openMode(flags, d.block)); err != nil {
		return nil, openError(path, flags, err)
	}
	if err := d.learn(before, flags); err != nil {
		_ = unix.Close(d.fd)
		return nil, err
	}
	return d, nil
}

// statKind looks before opening: opening a character device or FIFO can act or wait.
func statKind(path string) (*unix.Stat_t, error) {
	var st unix.Stat_t
	if err := restart(func() error { return unix.Stat(path, &st) }); err != nil {
		return nil, err
	}
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFBLK, unix.S_IFREG:
		return &st, nil
	}
	return nil, ErrNotBlock
}

func openMode(flags Flags, block bool) int {
	mode := unix.O_RDONLY | unix.O_CLOEXEC | unix.O_NOCTTY | unix.O_LARGEFILE
	if flags&ReadWrite != 0 {
		mode = mode&^unix.O_ACCMODE | unix.O_RDWR
	}
	if !block {
		return mode | unix.O_NONBLOCK // does not wait for a lease, or for a FIFO put in its place
	}
	if flags&Exclusive != 0 {
		mode |= unix.O_EXCL
	}
	return mode
}

func openFD(path string, mode int) (fd int, err error) {
	err = restart(func() error {
		fd, err = unix.Open(path, mode, 0)
		return err
	})
	return fd, err
}

// openError finds the kind behind an errno of open(2).
func openError(path string, flags Flags, err error) error {
	kind := kindOf(err)
	if flags&ReadWrite != 0 && errors.Is(err, os.ErrPermission) && opensReadOnly(path) {
		kind = ErrReadOnly
	}
	return &PathError{Op: "open", Path: path, Kind: kind, Err: causeOf(err)}
}

// opensReadOnly tells a write-protected block device, for which a driver says EACCES, from one
// whose permissions forbid writing.
func opensReadOnly(path string) bool {
	fd, err := openFD(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	return writeProtected(fd)
}

func writeProtected(fd int) bool {
	protected, err := deviceUint(fd, unix.BLKROGET)
	return err == nil && protected != 0
}

func kindOf(err error) error {
	switch {
	case errors.Is(err, ErrNotBlock), errors.Is(err, unix.ENXIO), errors.Is(err, unix.EISDIR):
		return ErrNotBlock
	case errors.Is(err, unix.EBUSY):
		return ErrBusy
	case errors.Is(err, unix.EROFS):
		return ErrReadOnly
	}
	return nil
}

func causeOf(err error) error {
	if errors.Is(err, ErrNotBlock) {
		return nil
	}
	return err
}

// learn fills in what the open file says of itself.
func (d *Device) learn(before *unix.Stat_t, flags Flags) error {
	var st unix.Stat_t
	if err := unix.Fstat(d.fd, &st); err != nil {
		return &PathError{Op: "open", Path: d.path, Err: err}
	}
	if st.Mode&unix.S_IFMT != before.Mode&unix.S_IFMT {
		return &PathError{Op: "open", Path: d.path, Kind: ErrReplaced}
	}
	d.medium = openFile(d.fd)
	d.inode = identity{uint64(st.Dev), st.Ino}
	d.logical, d.physical = 512, 512
	if d.block {
		d.number = uint64(st.Rdev)
		if err := d.learnSectors(); err != nil {
			return err
		}
		if d.writable && writeProtected(d.fd) { // the kernel lets it open and fails each write
			return &PathError{Op: "open", Path: d.path, Kind: ErrReadOnly}
		}
	}
	if _, err := d.Refresh(); err != nil {
		return err
	}
	if d.block && flags&Direct != 0 {
		d.direct = d.tryDirect()
	}
	return nil
}

func (d *Device) learnSectors() error {
	logical, err := deviceUint(d.fd, unix.BLKSSZGET)
	if err != nil {
		return &PathError{Op: "open", Path: d.path, Err: err}
	}
	d.logical, d.physical = int(logical), int(logical)
	if n, err := deviceUint(d.fd, unix.BLKPBSZGET); err == nil && n > logical {
		d.physical = int(n)
	}
	return nil
}

// Close closes the device. A lock taken on it stays until it is released.
func (d *Device) Close() error {
	if d.fd < 0 {
		return nil
	}
	fd := d.fd
	d.fd = -1
	if err := unix.Close(fd); err != nil && !errors.Is(err, unix.EINTR) {
		return &IOError{Path: d.path, Op: "close", Err: err}
	}
	return nil
}

// restart repeats a system call that a signal interrupted.
func restart(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}
