// SPDX-License-Identifier: Apache-2.0

package header

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// LuksHeaderRestore declares the verb.
func LuksHeaderRestore() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksHeaderRestore", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "write a header and keyslots back from a file",
			Takes:   cli.OfWriter + "header-backup-file",
			Needs:   []cli.Need{cli.NeedsBackupFile},
			About: []string{
				"Writes a header and its keyslots back from a backup. All keyslots that were made since are lost.",
			},
			Examples: []cli.Example{
				{
					What: "See what would be written, changing nothing:",
					Line: "orthrus luksHeaderRestore --dry-run --header-backup-file sdb2.luks /dev/sdb2",
				},
				{What: "Write it:", Line: "orthrus luksHeaderRestore --header-backup-file sdb2.luks /dev/sdb2"},
			},
			SeeAlso: []string{"luksHeaderBackup", "repair"},
		},
		Run: luksHeaderRestore,
	}
}

// luksHeaderRestore writes the header of a backup file to the device.
func luksHeaderRestore(ctx context.Context, c *verb.Command) error {
	path, err := volume.MetadataPath(c)
	if err != nil {
		return err
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: !c.Opt.DryRun, NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return verb.DeviceError(path, err)
	}
	if !c.Opt.DryRun { // otherwise it is still to be told of
		defer file.Close()
	}
	dev := volume.Rehearsing(c, file)
	backup, err := loadBackup(ctx, c)
	if err != nil {
		return err
	}
	defer backup.Close()
	if err := volume.Apart(c, backup.Data, backup.MetadataEnd()); err != nil {
		return err
	}
	v, err := luks.Load(ctx, dev)
	var none *header.NoHeaderError
	switch {
	case errors.Is(err, luks.ErrNotLUKS), errors.As(err, &none):
		return restored(c, path, backup, restoreOverNothing(ctx, c, dev, path, backup))
	case err != nil:
		return verb.DeviceError(path, err)
	}
	return restored(c, path, backup, restoreOver(ctx, c, v, file, path, backup))
}

// restored says what lies there now.
func restored(c *verb.Command, path string, backup *volume.Volume, err error) error {
	if err == nil {
		c.UI.Advisef("%s has the header of %s now: UUID %s, keyslots in use: %d.", path, backup.Path, backup.UUID,
			len(backup.Keyslots))
	}
	return err
}

func loadBackup(ctx context.Context, c *verb.Command) (*volume.Volume, error) {
	path := c.Opt.HeaderBackupFile.V
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return nil, verb.Failure(ui.Failed, "%s", verb.Sentence(verb.DeviceError(path, err)))
	}
	v := &volume.Volume{File: file, Path: path}
	if v.Volume, err = luks.Load(ctx, file); err != nil || v.Version == 2 && !v.Choice.Healthy() {
		c.UI.Debugf("backup %s: %v", path, err)
		return nil, errors.Join(verb.Failure(ui.Failed, "Header backup file does not contain compatible LUKS "+
			"header."), file.Close())
	}
	if err := errors.Join(v.CheckRequirements(), opensNothing(path, file)); err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return v, nil
}

// opensNothing refuses a backup that has keyslots, and the key material of none: restoring it would end the volume.
func opensNothing(path string, file *luks.File) error {
	r, err := inspect.Judge(inspect.Read(file))
	if err != nil || len(r.Keyslots) == 0 {
		return err
	}
	for _, k := range r.Keyslots {
		if k.State != inspect.Ruined && k.State != inspect.Cut {
			return nil
		}
	}
	k := r.Keyslots[0]
	return verb.Failure(ui.Failed, "Header backup file %s opens nothing: the key material of keyslot %d is %s, and no "+
		"other keyslot is whole. Nothing was written.", path, k.ID, k.State)
}

func restoreOverNothing(ctx context.Context, c *verb.Command, dev luks.Device, path string,
	backup *volume.Volume,
) error {
	if err := overItsData(c, dev, path, backup); err != nil {
		return err
	}
	question := fmt.Sprintf("Device %s does not contain LUKS header. Replacing header can destroy data on that "+
		"device.", path)
	if err := volume.ExitOnNo(ui.Failed, c.UI.Confirm(ctx, ui.Confirmation{
		Text:   question,
		Silent: true,
	})); err != nil {
		return err
	}
	return luks.WriteBackup(ctx, dev, backup.Volume)
}

// overItsData refuses to put a detached header over data that begin where it would end up, by its own word. Where
// nothing but zeros lies there is a place for it.
func overItsData(c *verb.Command, dev luks.Device, path string, backup *volume.Volume) error {
	if c.StandsIn() || c.Opt.Header.Set || backup.Data.Offset >= backup.MetadataEnd() {
		return nil
	}
	there := make([]byte, backup.MetadataEnd()-backup.Data.Offset)
	n, err := dev.ReadAt(there, int64(backup.Data.Offset))
	if len(bytes.Trim(there[:n], "\x00")) == 0 && (err == nil || errors.Is(err, io.EOF)) {
		return nil
	}
	return verb.Failure(ui.Failed, "Header backup file %s is of a detached header, and its data begin at byte %d of "+
		"their device: on %s it would overwrite %d bytes of them. Say with --header where the header is to lie. "+
		"Nothing was written.", backup.Path, backup.Data.Offset, path, backup.MetadataEnd()-backup.Data.Offset)
}

func restoreOver(ctx context.Context, c *verb.Command, v *luks.Volume, file *luks.File, path string,
	backup *volume.Volume,
) error {
	if v.Version == 2 && v.Metadata().Reencrypting() {
		return verb.Failure(ui.Failed, "A reencryption of %s is under way, or was cut off: what it has moved "+
			"can be read with the present header alone. Conclude it first; %s fix %s tells how. Nothing was written.", path,
			c.Program, path)
	}
	question := fmt.Sprintf("Device %s already contains LUKS%d header. Replacing header will destroy existing "+
		"keyslots.", path, v.Version)
	if v.UUID != backup.UUID {
		question += "\nWARNING: real device header has different UUID than backup!"
	}
	other := v.Version != backup.Version
	if other {
		if err := overItsData(c, v.Device(), path, backup); err != nil {
			return err
		}
		question += fmt.Sprintf("\nWARNING: the backup is of LUKS%d; its header ends at byte %d and its data begin at "+
			"%d, those of the device at %d.", backup.Version, backup.MetadataEnd(), backup.Data.Offset, v.Data.Offset)
	}
	if err := volume.ExitOnNo(ui.Failed, c.UI.Confirm(ctx, ui.Confirmation{
		Text:   question,
		Silent: true,
	})); err != nil {
		return err
	}
	before := []view.View{v.View}
	if other {
		return guarded.SettleRestored(ctx, c, before, v.Device(), replaced(ctx, c, v, file, backup))
	}
	return guarded.SettleRestored(ctx, c, before, v.Device(), v.Restore(ctx, backup.Volume))
}

// replaced puts the backup over a header of the other version. Both formats have their key material in the same place,
// so there is none between the old header and the new one: what is overwritten is kept elsewhere meanwhile.
func replaced(ctx context.Context, c *verb.Command, v *luks.Volume, file *luks.File, backup *volume.Volume) error {
	if c.Opt.DryRun {
		return v.Replace(ctx, backup.Volume)
	}
	was := make([]byte, min(max(v.MetadataEnd(), backup.MetadataEnd()), uint64(file.Size())))
	if _, err := file.ReadAt(was, 0); err != nil {
		return err
	}
	kept, err := undo.KeepHeader(undo.StateDirectory(), v.UUID, was, file, time.Now())
	if err != nil {
		c.UI.Errorf("WARNING: what is overwritten cannot be kept meanwhile: %v", err)
		return v.Replace(ctx, backup.Volume)
	}
	err = v.Replace(ctx, backup.Volume)
	if errors.Is(err, luks.ErrMeanwhile) { // nothing was written
		return errors.Join(err, undo.Shred(kept))
	}
	if err != nil {
		return fmt.Errorf("%w; what was there is kept in %s", err, kept)
	}
	return undo.Shred(kept)
}
