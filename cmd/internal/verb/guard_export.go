// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"io/fs"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// guardExport makes a header backup of what the guard keeps of a volume.
func (c *command) guardExport(ctx context.Context, uuid string) error {
	head, err := guardStore().Load(uuid)
	if errors.Is(err, fs.ErrNotExist) {
		return failure(ui.NoDevice, "The guard keeps no header of a volume with UUID %s.", uuid)
	}
	if err != nil {
		return err
	}
	image, err := head.Backup(ctx)
	if errors.Is(err, store.ErrNoAreas) {
		return failure(ui.Failed, "What the guard keeps of the volume has no keyslots, so that no passphrase would open it: that takes store = full in its configuration.")
	}
	if err != nil {
		return failure(ui.Failed, "What the guard keeps of the volume cannot be used: %v.", err)
	}
	if err := writeBackupFile(c.o.HeaderBackupFile.V, image); err != nil {
		return err
	}
	c.ui.Printf("The header as it was at %s is in %s. To try it first: orthrus open --test-passphrase --header %s DEVICE; to write it back: orthrus luksHeaderRestore --header-backup-file %s DEVICE.",
		head.Time, c.o.HeaderBackupFile.V, c.o.HeaderBackupFile.V, c.o.HeaderBackupFile.V)
	return nil
}
