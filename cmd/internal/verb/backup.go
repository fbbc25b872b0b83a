// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// luksHeaderBackup copies header and keyslots into a new file that only its owner may read.
func luksHeaderBackup(ctx context.Context, c *command) error {
	v, err := c.load(ctx, unlocked)
	if err != nil {
		return err
	}
	defer v.Close()
	image, err := v.Backup(ctx)
	if err != nil {
		return deviceError(v.path, err)
	}
	return writeBackupFile(c.o.HeaderBackupFile.V, image)
}

// writeBackupFile makes the file durable, its name included, or leaves none.
func writeBackupFile(path string, image []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o400)
	if errors.Is(err, fs.ErrExist) {
		return failure(ui.Failed, "Requested header backup file %s already exists.", path)
	}
	if err != nil {
		return failure(ui.Failed, "Cannot create header backup file %s: %v.", path, err)
	}
	_, writeErr := f.Write(image)
	if err := errors.Join(writeErr, f.Sync(), f.Close(), syncFolder(filepath.Dir(path))); err != nil {
		return fmt.Errorf("header backup file %s: %w", path, errors.Join(err, os.Remove(path)))
	}
	return nil
}

func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}

// luksHeaderRestore writes the header of a backup file to the device.
func luksHeaderRestore(ctx context.Context, c *command) error {
	path, err := c.metadataPath()
	if err != nil {
		return err
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: !c.o.DryRun, NoLocks: c.o.DisableLocks})
	if err != nil {
		return deviceError(path, err)
	}
	if !c.o.DryRun { // otherwise it is still to be told of
		defer file.Close()
	}
	dev := c.rehearsing(file)
	backup, err := c.loadBackup(ctx)
	if err != nil {
		return err
	}
	defer backup.Close()
	v, err := luks.Load(ctx, dev)
	var none *header.NoHeaderError
	switch {
	case errors.Is(err, luks.ErrNotLUKS), errors.As(err, &none):
		return c.restoreOverNothing(ctx, dev, path, backup)
	case err != nil:
		return deviceError(path, err)
	}
	return c.restoreOver(ctx, v, path, backup)
}

func (c *command) loadBackup(ctx context.Context) (*volume, error) {
	path := c.o.HeaderBackupFile.V
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return nil, failure(ui.Failed, "%s", sentence(deviceError(path, err)))
	}
	v := &volume{file: file, path: path}
	if v.Volume, err = luks.Load(ctx, file); err != nil || v.Version == 2 && !v.Choice.Healthy() {
		c.ui.Debugf("backup %s: %v", path, err)
		return nil, errors.Join(failure(ui.Failed, "Header backup file does not contain compatible LUKS header."), file.Close())
	}
	if err := v.CheckRequirements(); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return v, nil
}

func (c *command) restoreOverNothing(ctx context.Context, dev luks.Device, path string, backup *volume) error {
	question := fmt.Sprintf("Device %s does not contain LUKS header. Replacing header can destroy data on that device.", path)
	if err := exitOnNo(ui.Failed, c.ui.Confirm(ctx, ui.Confirmation{Text: question, Silent: true})); err != nil {
		return err
	}
	return luks.WriteBackup(ctx, dev, backup.Volume)
}

func (c *command) restoreOver(ctx context.Context, v *luks.Volume, path string, backup *volume) error {
	question := fmt.Sprintf("Device %s already contains LUKS%d header. Replacing header will destroy existing keyslots.", path, v.Version)
	if v.UUID != backup.UUID {
		question += "\nWARNING: real device header has different UUID than backup!"
	}
	if err := exitOnNo(ui.Failed, c.ui.Confirm(ctx, ui.Confirmation{Text: question, Silent: true})); err != nil {
		return err
	}
	if err := v.Restore(ctx, backup.Volume); err != nil {
		return err
	}
	return c.forgetHeads(backup.UUID)
}
