// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// device is the path that the first argument names; "UUID=…" and the like are looked up.
func (c *command) device() (string, error) {
	path, err := block.Resolve(c.Args[0])
	return path, deviceError(c.Args[0], err)
}

// metadataPath is where the header is: the detached one, or the device's own.
func (c *command) metadataPath() (string, error) {
	if c.o.Header.Set {
		return block.Resolve(c.o.Header.V)
	}
	return c.device()
}

// access says what a verb is going to do with the metadata.
type access int

const (
	report   access = iota // look, and leave everything as it is
	unlocked               // look, and mend a damaged copy on the way, as cryptsetup does
	changed                // write
)

// volume is a loaded volume with the device it came from.
type volume struct {
	*luks.Volume
	file *luks.File
	path string
	// closing is what there is to say when nothing more will be done to it.
	closing func()
}

// load opens the metadata device and loads the volume. The caller closes it.
func (c *command) load(ctx context.Context, a access) (*volume, error) {
	path, err := c.metadataPath()
	if err != nil {
		return nil, err
	}
	write := a == changed && !c.o.DryRun
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: write, NoLocks: c.o.DisableLocks})
	if err != nil {
		return nil, deviceError(path, err)
	}
	v := &volume{file: file, path: path}
	v.closing = func() { c.tellLag(v) }
	if c.o.HeaderFromFar {
		v.Volume, err = c.openFromFar(ctx, file)
	} else {
		v.Volume, err = luks.Load(ctx, c.rehearsing(file))
	}
	if err == nil {
		err = c.checkType(v)
	}
	if err == nil {
		err = c.settle(ctx, v, a)
	}
	if err == nil {
		err = c.resume(ctx, v, a)
	}
	if err != nil {
		return nil, errors.Join(deviceError(path, err), file.Close())
	}
	return v, nil
}

// rehearsing is the file itself or, with --dry-run, a device that keeps writes from it.
func (c *command) rehearsing(file *luks.File) luks.Device {
	if !c.o.DryRun {
		return file
	}
	r := &rehearsal{file: file}
	c.rehearsals = append(c.rehearsals, func(ctx context.Context) { r.tell(ctx, c.ui) })
	return r
}

// Close closes the device, unless a rehearsal has still to be told.
func (v *volume) Close() error {
	if v.closing != nil {
		v.closing()
	}
	if r, rehearsed := v.Device().(*rehearsal); rehearsed && r.file == v.file {
		return nil
	}
	return v.file.Close()
}

// checkType holds --type against what was found.
func (c *command) checkType(v *volume) error {
	want := c.o.Type.Or("luks")
	if c.Action == cli.Convert {
		return nil // it names what the volume shall become
	}
	if want == "luks" || want == fmt.Sprintf("luks%d", v.Version) {
		return nil
	}
	return luks.ErrNotLUKS
}

// settle deals with heads that are not both in order: a report says so, unlocking and changing
// refuse a device that something else has put its signature on, and unlocking mends what is ours.
func (c *command) settle(ctx context.Context, v *volume, a access) error {
	if v.Version != 2 || v.Choice.Healthy() {
		return nil
	}
	c.ui.Debugf("heads of %s: %v", v.path, v.Choice.Reason)
	if a == report {
		return nil
	}
	if v.Choice.Reason == header.Conflicting {
		c.ui.Errorf("WARNING: the two header copies of %s differ; the primary is used.", v.path)
		return nil
	}
	err := c.mend(ctx, v, a)
	if errors.Is(err, header.ErrForeign) {
		c.ui.Errorf("Device contains ambiguous signatures, cannot auto-recover LUKS2.")
		c.ui.Errorf("Please run \"%s repair\" for recovery.", c.Program)
		return luks.ErrNotLUKS
	}
	return err
}

// mend heals through a writable device of its own where the volume was opened for reading. A
// device that cannot be written to is opened all the same: one good copy is enough.
func (c *command) mend(ctx context.Context, v *volume, a access) error {
	if err := v.Foreign(); err != nil {
		return err
	}
	if a == changed || c.o.DisableLocks || c.o.ReadOnly || c.o.TestPassphrase {
		return nil
	}
	healed, err := luks.HealDevice(ctx, v.path)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, block.ErrReadOnly):
		c.ui.Debugf("header of %s stays damaged: %v", v.path, err)
		return nil
	case err != nil:
		c.ui.Errorf("WARNING: header of %s stays damaged: %v", v.path, err)
		return nil
	}
	if healed {
		c.ui.Verbosef("Header of %s repaired: %v.", v.path, v.Choice.Reason)
		return v.Reload(ctx)
	}
	return nil
}
