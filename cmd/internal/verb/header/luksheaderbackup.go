// SPDX-License-Identifier: Apache-2.0

package header

import (
	"context"
	"errors"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks/luks2"
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
	opens := "it opens with every passphrase of today"
	if hurt := hurtKeyslots(ctx, v); len(hurt) > 0 {
		opens = "it opens with what opens the volume now"
		c.UI.Errorf("WARNING: damaged on %s, and so in the backup: %s. See what brings back what is lost: %s fix %s",
			v.Path, luks2.NameKeyslots(hurt), c.Program, v.Path)
	}
	c.UI.Advisef("Header and keyslots of %s are in %s, %d MiB; %s. Keep it apart.",
		v.Path, c.Opt.HeaderBackupFile.V, (len(image)+1<<20-1)>>20, opens)
	return incomplete(ctx, c, v)
}

// hurtKeyslots are those whose material is damaged for certain: by how it looks, or by the far header's sums.
func hurtKeyslots(ctx context.Context, v *volume.Volume) []int {
	hurt := v.DamagedKeyslots()
	if f, err := v.Far(ctx); err == nil {
		hurt = append(hurt, f.Damaged...)
	}
	sort.Ints(hurt)
	return slices.Compact(hurt)
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
