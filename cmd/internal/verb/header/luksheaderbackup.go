// SPDX-License-Identifier: Apache-2.0

package header

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
)

// LuksHeaderBackup declares the verb.
func LuksHeaderBackup() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksHeaderBackup", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "copy the header and the keyslots into a file",
			Takes:   cli.OfHeader + "header-backup-file",
			Needs:   []cli.Need{cli.NeedsBackupFile},
			About: []string{
				"Copies header and keyslots into the file named by --header-backup-file, which must not exist " +
					"and which only its owner may read. Passphrases that are changed later still open the copy: " +
					"destroy it when a passphrase is lost to somebody.",
			},
			Examples: []cli.Example{
				{What: "Keep a copy on another " +
					"medium:", Line: "orthrus luksHeaderBackup --header-backup-file /media/stick/sdb2.luks /dev/sdb2"},
				{
					What: "Try whether the copy opens the volume:",
					Line: "orthrus open --test-passphrase --header /media/stick/sdb2.luks /dev/sdb2",
				},
			},
			SeeAlso: []string{"luksHeaderRestore"},
		},
		Run: luksHeaderBackup,
	}
}

// luksHeaderBackup copies header and keyslots into a new file that only its owner may read.
func luksHeaderBackup(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Unlocked)
	if err != nil {
		return err
	}
	defer v.Close()
	image, err := v.Backup(ctx)
	if err != nil {
		return verb.DeviceError(v.Path, err)
	}
	if err := volume.WriteBackupFile(c.Opt.HeaderBackupFile.V, image); err != nil {
		return errors.Join(err, incomplete(ctx, c, v))
	}
	c.UI.Advisef("Header and keyslots of %s are in %s, %d MiB; it opens with every passphrase of today. Keep it apart.",
		v.Path, c.Opt.HeaderBackupFile.V, (len(image)+1<<20-1)>>20)
	return incomplete(ctx, c, v)
}

// incomplete names keyslots that a backup has not, since only what was kept of a change that was cut off has them.
func incomplete(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	if v.Version != 1 {
		return nil
	}
	left, err := volume.Leftovers(ctx, v.Volume)
	for _, l := range left {
		c.UI.Errorf("WARNING: not in the backup of %s: %s.", v.Path, l)
	}
	return err
}
