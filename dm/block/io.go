// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"io"

	"golang.org/x/sys/unix"
)

// ReadAt reads len(p) bytes at off, of any alignment. As io.ReaderAt: fewer bytes come with
// io.EOF at the end of the device, or with an *IOError. The kernel may fail a whole request for one
// bad sector and give none of it: see ReadAround.
func (d *Device) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, d.fail("read", off, len(p), unix.EINVAL)
	}
	if d.direct {
		return d.readDirect(p, off)
	}
	return d.readFD(p, off)
}

// readFD reads until p is full, the device ends or the kernel fails.
func (d *Device) readFD(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := d.pread(p[done:], off+int64(done))
		if err != nil {
			return done, d.fail("read", off+int64(done), len(p)-done, err)
		}
		done += n
		if n == 0 || d.direct && n%d.logical != 0 && done < len(p) {
			return done, io.EOF // O_DIRECT stops in mid-sector at the end of the device only
		}
	}
	return done, nil
}

// medium is where a Device reads and writes: the open file, or a faulty one in tests. It may
// move fewer bytes than asked and be interrupted, as pread(2) and pwrite(2).
type medium interface {
	pread(p []byte, off int64) (int, error)
	pwrite(p []byte, off int64) (int, error)
}

type openFile int

func (f openFile) pread(p []byte, off int64) (int, error)  { return unix.Pread(int(f), p, off) }
func (f openFile) pwrite(p []byte, off int64) (int, error) { return unix.Pwrite(int(f), p, off) }

func (d *Device) pread(p []byte, off int64) (n int, err error) {
	err = restart(func() error {
		n, err = d.medium.pread(p, off)
		return err
	})
	return max(n, 0), err
}

// WriteAt writes p at off, of any alignment; sectors written in part are read first. It never
// extends a file: ErrBeyondEnd in an *IOError, with nothing written. After any other error the
// bytes from the returned count on are unknown.
func (d *Device) WriteAt(p []byte, off int64) (int, error) {
	if err := d.checkWrite(off, int64(len(p))); err != nil {
		return 0, d.fail("write", off, len(p), err)
	}
	if len(p) == 0 {
		return 0, nil
	}
	d.markDirty(off, int64(len(p)))
	if d.direct {
		return d.writeDirect(p, off)
	}
	return d.writeFD(p, off)
}

// checkWrite refuses a write outside the device, whose size may have changed since Open.
func (d *Device) checkWrite(off, n int64) error {
	if !d.writable {
		return ErrReadOnly
	}
	if off < 0 {
		return unix.EINVAL
	}
	if inside(off, n, d.Size()) {
		return nil
	}
	size, err := d.Refresh()
	if err != nil {
		return err
	}
	if !inside(off, n, size) {
		return ErrBeyondEnd
	}
	return nil
}

func inside(off, n, size int64) bool { return off >= 0 && n >= 0 && off <= size && n <= size-off }

func (d *Device) writeFD(p []byte, off int64) (int, error) {
	done := 0
	for done < len(p) {
		n, err := d.pwrite(p[done:], off+int64(done))
		if err == nil && n == 0 {
			err = io.ErrShortWrite
		}
		if err != nil {
			return done, d.fail("write", off+int64(done), len(p)-done, err)
		}
		done += n
	}
	return done, nil
}

func (d *Device) pwrite(p []byte, off int64) (n int, err error) {
	err = restart(func() error {
		n, err = d.medium.pwrite(p, off)
		return err
	})
	return max(n, 0), err
}

func (d *Device) fail(op string, off int64, n int, err error) error {
	var already *IOError
	if errors.As(err, &already) {
		return err
	}
	return &IOError{Path: d.path, Op: op, Offset: off, Length: int64(n), Err: err}
}
