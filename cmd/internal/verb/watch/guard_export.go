// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
)

// guardExport makes a header backup of what the guard keeps of a volume.
func guardExport(ctx context.Context, c *verb.Command, uuid string) error {
	kept := guarded.Store(c)
	memory, err := kept.Load(uuid)
	if errors.Is(err, fs.ErrNotExist) {
		return verb.Failure(ui.NoDevice, "The guard keeps no header of a volume with UUID %s.", uuid)
	}
	if tip, _ := memory.Chain.Tip(); err == nil && !memory.Kept {
		return verb.Failure(ui.NoDevice, "The guard keeps no header of the state of volume %s that it saw last "+
			"(seqid %d). "+
			"guard history lists what it has of earlier ones.", uuid, tip.SeqID)
	}
	if err != nil {
		return err
	}
	head, err := filled(memory)
	var image []byte
	if err == nil {
		image, err = head.Backup(ctx)
	}
	var changed *store.ChangedError
	if errors.As(err, &changed) {
		return verb.Failure(ui.Failed, "What the guard keeps of the volume has no keyslots, and its device has "+
			"them not "+
			"as they were (%s). Keeping them takes store = full in the "+
			"configuration.", strings.Join(changed.Parts, ", "))
	}
	if errors.Is(err, store.ErrNoAreas) {
		return verb.Failure(ui.Failed, "What the guard keeps of the volume has no keyslots, so that no passphrase "+
			"would open it, and the device that has them is not here.")
	}
	if err != nil {
		return verb.Failure(ui.Failed, "What the guard keeps of the volume cannot be used: %v.", err)
	}
	if err := volume.WriteBackupFile(c.Opt.HeaderBackupFile.V, image); err != nil {
		return err
	}
	warnOfSince(c, kept, memory, "what is exported")
	c.UI.Printf("The header as it was at %s is in %s. To try it first: orthrus open --test-passphrase --header %s "+
		"DEVICE; to write it back: orthrus luksHeaderRestore --header-backup-file %s DEVICE.",
		head.Time, c.Opt.HeaderBackupFile.V, c.Opt.HeaderBackupFile.V, c.Opt.HeaderBackupFile.V)
	return nil
}

// warnOfSince says that what is kept is not the last that was seen of the volume.
func warnOfSince(c *verb.Command, s store.Store, m store.Memory, what string) {
	if since := s.Since(m); since != "" {
		c.UI.Errorf("WARNING: since then there was %s: %s is from before it, and opens with the keys of then.", since,
			what)
	}
}

// filled is the head that is kept with its keyslots: those of the device that the volume was seen on last, where they
// were not kept.
func filled(m store.Memory) (store.Head, error) {
	if m.Head.Full {
		return m.Head, nil
	}
	tip, _ := m.Chain.Tip()
	path := guard.PathOf(tip.Device)
	if path == "" {
		return m.Head, store.ErrNoAreas
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if errors.Is(err, fs.ErrNotExist) {
		return m.Head, store.ErrNoAreas
	}
	if err != nil {
		return m.Head, err
	}
	head, err := m.Head.Filled(file)
	return head, errors.Join(err, file.Close())
}

// guardExportAll makes a header backup of every volume that the guard keeps with its keyslots.
func guardExportAll(ctx context.Context, c *verb.Command, dir string) error {
	s := guarded.Store(c)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	left := 0
	for _, uuid := range s.Volumes() {
		path, err := exportInto(ctx, c, s, dir, uuid)
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

func exportInto(ctx context.Context, c *verb.Command, s store.Store, dir, uuid string) (string, error) {
	memory, err := s.Load(uuid)
	if err != nil || !memory.Kept {
		return "", errors.New("no header is kept")
	}
	head, err := filled(memory)
	if err != nil {
		return "", err
	}
	image, err := head.Backup(ctx)
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, fmt.Sprintf("%s-%d.luks", uuid, memory.Head.SeqID))
	if err := volume.WriteBackupFile(path, image); err != nil {
		return path, err
	}
	warnOfSince(c, s, memory, path)
	return path, nil
}
