// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"golang.org/x/sys/unix"
)

// WriteBackupFile makes the file durable, its name included, or leaves none.
func WriteBackupFile(path string, image []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if errors.Is(err, fs.ErrExist) {
		return verb.Failure(ui.Failed, "Requested header backup file %s already exists.", path)
	}
	if err != nil {
		return verb.Failure(ui.Failed, "Cannot create header backup file %s: %v.", path, err)
	}
	_, writeErr := f.Write(image)
	if err := errors.Join(writeErr, f.Sync(), f.Close(), block.SyncDirectory(filepath.Dir(path))); err != nil {
		return fmt.Errorf("header backup file %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return nil
}

// Replaceable refuses a path at which something is that must not be written over: what is no regular file, as the
// node of a device, one of the devices that the verb is about, and whatever bears the header of a LUKS volume.
func Replaceable(path string, devices ...string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.Mode().IsRegular():
		return verb.Failure(ui.Failed, "%s is no regular file; nothing was written to it or put in its place.", path)
	}
	for _, d := range devices {
		if behind, err := block.LoopBacking(d); err == nil {
			d = behind
		}
		if other, err := os.Stat(d); err == nil && os.SameFile(info, other) {
			return verb.Failure(ui.Failed, "%s is the volume itself; nothing was written to it.", path)
		}
	}
	bears, err := bearsHeader(path)
	if bears {
		return verb.Failure(ui.Failed, "%s bears a LUKS header; nothing was written to it.", path)
	}
	return err
}

// bearsHeader tells whether a head of either version begins anywhere in a file where one can, damaged or not.
func bearsHeader(path string) (bool, error) {
	f, err := os.Open(path)
	if err != nil {
		return false, err
	}
	defer f.Close()
	magic := make([]byte, len(luks2.PrimaryMagic))
	for _, at := range append(luks2.Sizes(), 0) {
		n, err := f.ReadAt(magic, int64(at))
		if err != nil && !errors.Is(err, io.EOF) {
			return false, err
		}
		if text := string(magic[:n]); text == luks2.PrimaryMagic || text == luks2.SecondaryMagic {
			return true, nil
		}
	}
	return false, nil
}

// Extend makes the file at least size bytes long, all of them allocated, so that writing the
// header cannot end on a full disk. A file that it made and cannot fill is removed again.
func Extend(path string, size int64) (err error) {
	_, before := os.Lstat(path)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return verb.DeviceError(path, err)
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
		// What was allocated until the disk was full goes again.
		return errors.Join(fmt.Errorf("header file %s: %w", path, err), f.Truncate(info.Size()))
	}
	return f.Sync()
}

// Exists tells whether anything is at path.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
