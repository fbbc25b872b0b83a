// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// resume concludes or takes back what was begun in several steps and cut off, as any verb does that
// unlocks or changes. It needs no passphrase; where it cannot, what was begun waits. With --dry-run it happens on
// the rehearsal.
func resume(ctx context.Context, c *verb.Command, v *Volume, a access) error {
	if v.Version == 1 && a.changes() {
		return resume1(ctx, c, v)
	}
	if a == Report || c.Opt.DisableLocks || c.Opt.ReadOnly || c.Opt.TestPassphrase ||
		c.Opt.DryRun && !a.changes() {
		return nil
	}
	_, pending, err := v.Pending()
	if err != nil || !pending {
		return nil // a log of another version is for the verbs that need it to refuse
	}
	if a.changes() {
		return resumeOn(ctx, c, v.Volume, v.Path)
	}
	file, err := luks.OpenDevice(v.Path, luks.DeviceOptions{Write: true})
	if err != nil {
		c.UI.Debugf("what was begun on %s waits: %v", v.Path, err)
		return nil
	}
	defer file.Close()
	writable, err := luks.Load(ctx, file)
	if err != nil {
		return err
	}
	if err := resumeOn(ctx, c, writable, v.Path); err != nil {
		return err
	}
	return v.Reload(ctx)
}

// resume1 is resume for LUKS1. Without locks nothing is concluded, and what only a backup still has is named all the
// same: the change would destroy that backup.
func resume1(ctx context.Context, c *verb.Command, v *Volume) (err error) {
	if c.Opt.DisableLocks {
		v.leftovers, err = Leftovers(ctx, v.Volume)
		return err
	}
	v.leftovers, err = Concluded1(ctx, c, v.Volume, v.Path)
	return err
}

func resumeOn(ctx context.Context, c *verb.Command, v *luks.Volume, path string) error {
	longer := StaysLonger(c, v, path)
	resumed, err := v.Resume(ctx, TellStep(c))
	if err != nil {
		c.UI.Errorf("WARNING: what was begun on %s stays unfinished: %v", path, err)
		return nil
	}
	if resumed {
		c.UI.Verbosef("What was begun on %s was concluded.", path)
	}
	longer()
	return nil
}

// StaysLonger notes how long the keyslots area is to be once what is pending is concluded. What it returns says
// where it is longer then: keyslots that were added meanwhile need the room.
func StaysLonger(c *verb.Command, v *luks.Volume, path string) func() {
	if v.Version != 2 {
		return func() {}
	}
	log, _, found, err := relocate.FindLog(v.Metadata())
	return func() {
		if size := v.Metadata().KeyslotsSize(); err == nil && found && size > log.To.Keyslots {
			c.UI.Errorf("WARNING: the keyslots area of %s stays %d bytes long and not %d: keyslots that were added "+
				"since a key change was cut off take the room. Backups from before can be restored all the same.",
				path, size, log.To.Keyslots)
		}
	}
}

// tellLag warns of a far header that the last change left as it was.
func tellLag(c *verb.Command, v *Volume) {
	if v.FarLag != nil {
		c.UI.Errorf("WARNING: the far header of %s was not changed along: %v.", v.Path, v.FarLag)
	}
}
