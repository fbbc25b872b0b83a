// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// Named is the path that the first argument names; "UUID=…" and the like are looked up.
func Named(c *verb.Command) (string, error) {
	path, err := block.Resolve(c.Args[0])
	return path, verb.DeviceError(c.Args[0], err)
}

// MetadataPath is where the header is: the detached one, or the device's own.
func MetadataPath(c *verb.Command) (string, error) {
	if c.Opt.Header.Set {
		return block.Resolve(c.Opt.Header.V)
	}
	return Named(c)
}

// access says what a verb is going to do with the metadata.
type access int

const (
	Report   access = iota // look, and leave everything as it is
	Unlocked               // look, and mend a damaged copy on the way, as cryptsetup does
	Running                // Unlocked, of a volume whose data is mapped already
	Changed                // write
	Removing               // Changed, by a verb that asks which keyslot is the last
)

func (a access) changes() bool { return a == Changed || a == Removing }

// Volume is a loaded volume with the device it came from.
type Volume struct {
	*luks.Volume
	// Found is what the header said before anything was done to it, a change that was cut off concluded included.
	Found view.View
	// concluded is what it said then.
	concluded view.View
	File      *luks.File
	Path      string
	// leftovers are in nothing but backups of changes that were cut off.
	leftovers []Leftover
	// closing is what there is to say when nothing more will be done to it.
	closing func()
}

// Load opens the metadata device and loads the volume. The caller closes it.
func Load(ctx context.Context, c *verb.Command, a access) (*Volume, error) {
	path, err := MetadataPath(c)
	if err != nil {
		return nil, err
	}
	write := a.changes() && !c.Opt.DryRun
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: write, NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return nil, verb.DeviceError(path, err)
	}
	v := &Volume{File: file, Path: path}
	v.closing = func() { tellLag(c, v) }
	v.Volume, err = load(ctx, c, file, a)
	if err == nil {
		v.Found, err = v.View, checkType(c, v)
	}
	if err == nil && (a == Unlocked && !c.Opt.TestPassphrase || a.changes()) {
		err = Apart(c, v.Data, v.MetadataEnd())
	}
	if err == nil {
		err = settle(ctx, c, v, a)
	}
	if err == nil {
		err = resume(ctx, c, v, a)
	}
	if err == nil {
		v.concluded = v.View
	}
	if err != nil {
		return nil, errors.Join(verb.DeviceError(path, err), file.Close())
	}
	return v, nil
}

func load(ctx context.Context, c *verb.Command, file *luks.File, a access) (*luks.Volume, error) {
	switch {
	case c.Opt.HeaderFromFar:
		return openFromFar(ctx, c, file)
	case a == Removing:
		return luks.LoadExamined(ctx, Rehearsing(c, file))
	}
	return luks.Load(ctx, Rehearsing(c, file))
}

// Rehearsing is the file itself or, with --dry-run, a device that keeps writes from it.
func Rehearsing(c *verb.Command, file *luks.File) luks.Device {
	if !c.Opt.DryRun {
		return file
	}
	r := &Rehearsal{file: file}
	c.Rehearsals = append(c.Rehearsals, func(ctx context.Context) { r.tell(ctx, c.UI) })
	return r
}

// Before is what the header said before the verb's own work, as guarded.Settle wants it: once, where nothing was
// concluded.
func (v *Volume) Before() []view.View {
	a, b := v.Found, v.concluded
	if a.Version == b.Version && a.LUKS1 == b.LUKS1 && a.Choice.Copy.Header == b.Choice.Copy.Header {
		return []view.View{a}
	}
	return []view.View{a, b}
}

// Close closes the device, unless a rehearsal has still to be told.
func (v *Volume) Close() error {
	if v.closing != nil {
		v.closing()
	}
	if r, rehearsed := v.Device().(*Rehearsal); rehearsed && r.file == v.File {
		return nil
	}
	return v.File.Close()
}

// checkType holds --type against what was found.
func checkType(c *verb.Command, v *Volume) error {
	want := c.Opt.Type.Or("luks")
	if want == "luks" || want == fmt.Sprintf("luks%d", v.Version) {
		return nil
	}
	return luks.ErrNotLUKS
}

// settle deals with heads that are not both in order: a report says so, unlocking and changing
// refuse a device that something else has put its signature on, and unlocking mends what is ours.
func settle(ctx context.Context, c *verb.Command, v *Volume, a access) error {
	if v.Version != 2 || v.Choice.Healthy() {
		return nil
	}
	c.UI.Debugf("heads of %s: %v", v.Path, v.Choice.Reason)
	if a == Report {
		return foreignHead(c, v)
	}
	if v.Choice.Reason == header.Conflicting {
		c.UI.Errorf("WARNING: the two header copies of %s differ; the primary is used.", v.Path)
		return nil
	}
	return refuseForeign(c, mend(ctx, c, v, a))
}

// foreignHead: where something else has put its signature on the first head, the device is that, to every
// program that looks.
func foreignHead(c *verb.Command, v *Volume) error {
	if v.Heads.Primary.State == header.Valid {
		return nil
	}
	return refuseForeign(c, v.Foreign())
}

func refuseForeign(c *verb.Command, err error) error {
	if errors.Is(err, header.ErrForeign) {
		c.UI.Errorf("Device contains ambiguous signatures, cannot auto-recover LUKS2.")
		c.UI.Errorf("Please run \"%s repair\" for recovery.", c.Program)
		return luks.ErrNotLUKS
	}
	return err
}

// mend heals through a writable device of its own where the volume was opened for reading. A
// device that cannot be written to is opened all the same: one good copy is enough.
func mend(ctx context.Context, c *verb.Command, v *Volume, a access) error {
	if err := v.Foreign(); err != nil {
		return err
	}
	if a.changes() || c.Opt.DisableLocks || c.Opt.ReadOnly || c.Opt.TestPassphrase {
		return nil
	}
	healed, err := luks.HealDevice(ctx, v.Path)
	switch {
	case errors.Is(err, fs.ErrPermission), errors.Is(err, block.ErrReadOnly):
		c.UI.Debugf("header of %s stays damaged: %v", v.Path, err)
		return nil
	case err != nil:
		c.UI.Errorf("WARNING: header of %s stays damaged: %v", v.Path, err)
		return nil
	}
	if healed {
		c.UI.Verbosef("Header of %s repaired: %v.", v.Path, v.Choice.Reason)
		return v.Reload(ctx)
	}
	return nil
}

// Without is the volume as if it had no such keyslot, and the others were all to be tried: that one is to be ignored
// when a volume is opened keeps it from nothing else.
func (v *Volume) Without(id int) *Volume {
	others := v.View
	others.Keyslots = slices.DeleteFunc(slices.Clone(v.Keyslots), func(k luks.Keyslot) bool { return k.ID == id })
	for i := range others.Keyslots {
		others.Keyslots[i].Priority = max(others.Keyslots[i].Priority, luks2.PriorityNormal)
	}
	return &Volume{Volume: luks.FromView(v.Device(), others), File: v.File, Path: v.Path}
}

// Supported refuses requirements that are not met, and segments that are no crypt.
func Supported(v *Volume) error {
	err := v.CheckMappable()
	var segment *luks.SegmentError
	if !errors.As(err, &segment) {
		return err
	}
	return verb.Failure(ui.Failed, "Device %s has a data segment of type %s, which this program does not support.",
		v.Path, segment.Type)
}

// Sizable is Supported for what gives the data another length, which tags behind them do not allow.
func Sizable(v *Volume) error {
	if v.Data.Integrity != nil {
		return NoResize()
	}
	return Supported(v)
}

// NoResize is what cryptsetup says.
func NoResize() error {
	return verb.Failure(ui.Failed, "Resize of LUKS2 device with integrity protection is not supported.")
}
