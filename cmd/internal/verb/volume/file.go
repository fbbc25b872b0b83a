// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
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

// Replaceable refuses a path at which something else than a regular file is: the node of a device would
// be replaced by what is written, or written over.
func Replaceable(path string) error {
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && info.Mode().IsRegular():
		return nil
	case err != nil:
		return err
	}
	return verb.Failure(ui.Failed, "%s is no regular file; nothing was written to it or put in its place.", path)
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
		return fmt.Errorf("header file %s: %w", path, err)
	}
	return f.Sync()
}

// Exists tells whether anything is at path.
func Exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
