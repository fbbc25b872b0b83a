// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"errors"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// device is an open device or image file.
type device struct {
	*os.File
	path string
	size int64 // bytes
}

func noDevice(path string, err error) error {
	return setup.Because(ui.NoDevice, "Device "+path+" does not exist or access denied.", err)
}

// openDevice opens a block device or a regular file.
func openDevice(path string, mode int) (*device, error) {
	f, err := os.OpenFile(path, mode|unix.O_NONBLOCK, 0)
	if err != nil {
		return nil, noDevice(path, err)
	}
	d := &device{File: f, path: path}
	if err := d.measure(); err != nil {
		f.Close()
		return nil, err
	}
	return d, nil
}

func (d *device) measure() error {
	info, err := d.Stat()
	if err != nil {
		return noDevice(d.path, err)
	}
	switch {
	case info.Mode().IsRegular():
		d.size = info.Size()
		return nil
	case info.Mode()&fs.ModeDevice == 0 || info.Mode()&fs.ModeCharDevice != 0:
		return setup.Failure(ui.NoDevice, "Device %s is not compatible.", d.path)
	}
	if d.size, err = d.Seek(0, io.SeekEnd); err != nil {
		return noDevice(d.path, err)
	}
	return nil
}

// isBlock tells a block device from a file.
func (d *device) isBlock() bool {
	info, err := d.Stat()
	return err == nil && info.Mode()&fs.ModeDevice != 0
}

// NextData implements verity.Sparse for files with holes. Reads and writes name their places, so that the file's
// own place does not matter.
func (d *device) NextData(off int64) (int64, error) {
	at, err := d.Seek(off, unix.SEEK_DATA)
	if errors.Is(err, unix.ENXIO) { // nothing but a hole up to the end, which may lie before off
		return d.Seek(0, io.SeekEnd)
	}
	return at, err
}

// claim keeps other runs from writing the same file until it is closed.
func (d *device) claim() error {
	if err := unix.Flock(int(d.Fd()), unix.LOCK_EX|unix.LOCK_NB); errors.Is(err, unix.EWOULDBLOCK) {
		return setup.Because(ui.InUse, "Another run is writing "+d.path+".", err)
	}
	return nil // a file system without locks has none to keep
}

// same tells whether two open devices are one.
func (d *device) same(other *device) bool {
	a, err := d.Stat()
	if err != nil {
		return false
	}
	b, err := other.Stat()
	return err == nil && os.SameFile(a, b)
}

// exists tells whether a path leads to something.
func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// createFile makes a file of nothing that must not be there yet.
func createFile(path string) (*device, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, setup.Because(ui.Failed, "Cannot create "+path+": "+causeOf(err)+".", err)
	}
	return &device{File: f, path: path}, nil
}

func causeOf(err error) string {
	var path *fs.PathError
	if errors.As(err, &path) {
		return path.Err.Error()
	}
	return err.Error()
}
