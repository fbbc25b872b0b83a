// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// resume concludes or takes back what was begun in several steps and cut off, as any verb does that
// unlocks or changes. It needs no passphrase; where it cannot, what was begun waits.
func (c *command) resume(ctx context.Context, v *volume, a access) error {
	if a == report || c.o.DisableLocks || c.o.ReadOnly || c.o.TestPassphrase || c.o.DryRun {
		return nil
	}
	_, pending, err := v.Pending()
	if err != nil || !pending {
		return nil // a log of another version is for the verbs that need it to refuse
	}
	if a == changed {
		return c.resumeOn(ctx, v.Volume, v.path)
	}
	file, err := luks.OpenDevice(v.path, luks.DeviceOptions{Write: true})
	if err != nil {
		c.ui.Debugf("what was begun on %s waits: %v", v.path, err)
		return nil
	}
	defer file.Close()
	writable, err := luks.Load(ctx, file)
	if err != nil {
		return err
	}
	if err := c.resumeOn(ctx, writable, v.path); err != nil {
		return err
	}
	return v.Reload(ctx)
}

func (c *command) resumeOn(ctx context.Context, v *luks.Volume, path string) error {
	resumed, err := v.Resume(ctx, c.tellStep)
	if err != nil {
		c.ui.Errorf("WARNING: what was begun on %s stays unfinished: %v", path, err)
		return nil
	}
	if resumed {
		c.ui.Verbosef("What was begun on %s was concluded.", path)
	}
	return nil
}

// tellLag warns of a far header that the last change left as it was.
func (c *command) tellLag(v *volume) {
	if v.FarLag != nil {
		c.ui.Errorf("WARNING: the far header of %s was not changed along: %v.", v.path, v.FarLag)
	}
}

// notTooShort refuses to map a volume with a far header shorter than the file system inside, which an
// older tool, to which the data reaches to the device's end, let grow over it.
func (c *command) notTooShort(v *volume, data *dataDevice, key *luks.Key) error {
	if v.Version != 2 || v.Data.Dynamic {
		return nil
	}
	if _, _, found, _ := far.Find(v.Metadata()); !found {
		return nil
	}
	dev, err := block.Open(data.path, 0)
	if err != nil {
		return deviceError(data.path, err)
	}
	inside, err := v.Contents(dev, key)
	if closeErr := dev.Close(); closeErr != nil {
		return deviceError(data.path, closeErr)
	}
	if err != nil {
		c.ui.Debugf("end of the contents of %s: %v", data.shown, err)
		return nil
	}
	if uint64(inside.End) > v.Data.Size {
		return &notice{text: fmt.Sprintf("The %s inside %s is %d bytes long, and the data before the far header only %d: it grew under an older tool. "+
			"Give the room of the far header back with \"%s far disable %s\".", inside.Kind, data.shown, inside.End, v.Data.Size, c.Program, data.shown), code: ui.Failed}
	}
	return nil
}
