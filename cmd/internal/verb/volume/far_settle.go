// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
)

// resume concludes or takes back what was begun in several steps and cut off, as any verb does that
// unlocks or changes. It needs no passphrase; where it cannot, what was begun waits.
func resume(ctx context.Context, c *verb.Command, v *Volume, a access) error {
	if a == Report || c.Opt.DisableLocks || c.Opt.ReadOnly || c.Opt.TestPassphrase || c.Opt.DryRun {
		return nil
	}
	_, pending, err := v.Pending()
	if err != nil || !pending {
		return nil // a log of another version is for the verbs that need it to refuse
	}
	if a == Changed {
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

func resumeOn(ctx context.Context, c *verb.Command, v *luks.Volume, path string) error {
	resumed, err := v.Resume(ctx, TellStep(c))
	if err != nil {
		c.UI.Errorf("WARNING: what was begun on %s stays unfinished: %v", path, err)
		return nil
	}
	if resumed {
		c.UI.Verbosef("What was begun on %s was concluded.", path)
	}
	return nil
}

// tellLag warns of a far header that the last change left as it was.
func tellLag(c *verb.Command, v *Volume) {
	if v.FarLag != nil {
		c.UI.Errorf("WARNING: the far header of %s was not changed along: %v.", v.Path, v.FarLag)
	}
}
