// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
)

// guardExport makes a header backup of what the guard keeps of a volume.
func guardExport(ctx context.Context, c *verb.Command, uuid string) error {
	memory, err := guarded.Store(c).Load(uuid)
	head := memory.Head
	if errors.Is(err, fs.ErrNotExist) || err == nil && !memory.Kept {
		return verb.Failure(ui.NoDevice, "The guard keeps no header of a volume with UUID %s.", uuid)
	}
	if err != nil {
		return err
	}
	image, err := head.Backup(ctx)
	if errors.Is(err, store.ErrNoAreas) {
		return verb.Failure(ui.Failed, "What the guard keeps of the volume has no keyslots, so that no passphrase "+
			"would open it: that takes store = full in its configuration.")
	}
	if err != nil {
		return verb.Failure(ui.Failed, "What the guard keeps of the volume cannot be used: %v.", err)
	}
	if err := volume.WriteBackupFile(c.Opt.HeaderBackupFile.V, image); err != nil {
		return err
	}
	c.UI.Printf("The header as it was at %s is in %s. To try it first: orthrus open --test-passphrase --header %s "+
		"DEVICE; to write it back: orthrus luksHeaderRestore --header-backup-file %s DEVICE.",
		head.Time, c.Opt.HeaderBackupFile.V, c.Opt.HeaderBackupFile.V, c.Opt.HeaderBackupFile.V)
	return nil
}

// guardExportAll makes a header backup of every volume that the guard keeps with its keyslots.
func guardExportAll(ctx context.Context, c *verb.Command, dir string) error {
	s := guarded.Store(c)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	left := 0
	for _, uuid := range s.Volumes() {
		path, err := exportInto(ctx, s, dir, uuid)
		if err != nil {
			left++
			c.UI.Errorf("%s: %s.", uuid, verb.Reason(err))
			continue
		}
		c.UI.Printf("%s", path)
	}
	if left > 0 {
		return verb.Failure(ui.Failed, "%d volumes were not exported.", left)
	}
	return nil
}

func exportInto(ctx context.Context, s store.Store, dir, uuid string) (string, error) {
	memory, err := s.Load(uuid)
	if err != nil || !memory.Kept {
		return "", errors.New("no header is kept")
	}
	image, err := memory.Head.Backup(ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.luks", uuid, memory.Head.SeqID))
	return path, volume.WriteBackupFile(path, image)
}
