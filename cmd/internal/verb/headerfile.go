// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"golang.org/x/sys/unix"
)

// metadataSize names the device that gets the header and its size in bytes; 0 for a file, which can
// be made longer.
func (c *command) metadataSize(d formatTarget) (path string, size uint64, err error) {
	path, size = d.path, d.size
	if c.o.Header.Set {
		if path, err = block.Resolve(c.o.Header.V); err != nil {
			return path, 0, deviceError(c.o.Header.V, err)
		}
		size = 0
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Mode().IsRegular():
		return path, 0, nil
	case err != nil || path == d.path:
		return path, size, deviceError(path, err)
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return path, 0, deviceError(path, err)
	}
	return path, uint64(dev.Size()), deviceError(path, dev.Close())
}

// metadataTarget opens the device that gets the header. A file is made where it is missing, and made
// longer where it is too short.
func (c *command) metadataTarget(p formatPlan) (*luks.File, error) {
	if p.size == 0 {
		if err := extend(p.path, int64(p.room)); err != nil {
			return nil, err
		}
	}
	file, err := luks.OpenDevice(p.path, luks.DeviceOptions{Write: true, Exclusive: true, NoLocks: c.o.DisableLocks})
	return file, deviceError(p.path, err)
}

// extend makes the file at least size bytes long, all of them allocated, so that writing the
// header cannot end on a full disk. A file that it made and cannot fill is removed again.
func extend(path string, size int64) (err error) {
	_, before := os.Lstat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return deviceError(path, err)
	}
	defer func() {
		err = errors.Join(err, f.Close())
		if err != nil && errors.Is(before, fs.ErrNotExist) {
			err = errors.Join(err, os.Remove(path))
		}
	}()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() >= size {
		return nil
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = f.Truncate(size)
	}
	if err != nil {
		return fmt.Errorf("header file %s: %w", path, err)
	}
	return f.Sync()
}
