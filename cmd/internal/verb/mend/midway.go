// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/luks/reencrypt/run"
)

// midway is a volume in the middle of a reencryption, with both of its devices.
type midway struct {
	*volume.Volume
	data    *luks.File
	verdict reencrypt.Verdict
	name    string // of the data's device
	lock    *block.Lock
}

// openMidway opens the volume for writing, or with --dry-run for reading. Where no reencryption is under way, only
// the header's device is open.
func openMidway(ctx context.Context, c *verb.Command, path string) (*midway, error) {
	m := &midway{name: path}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return nil, verb.DeviceError(path, err)
	}
	loaded, err := volume.LoadPatiently(ctx, path, file)
	m.Volume = &volume.Volume{Volume: loaded, File: file, Path: path}
	if err != nil {
		return nil, errors.Join(verb.DeviceError(path, err), file.Close())
	}
	if loaded.Version == 2 {
		m.verdict = reencrypt.Judge(loaded.Heads, loaded.Choice)
	}
	return m, nil
}

// underWay: the header in force tells of a run, or the other one does, and the last commit was cut off.
func (m *midway) underWay() bool {
	return m.Version == 2 && (m.verdict.State != reencrypt.None || header.LeftAlone(m.Heads, m.Choice))
}

// Close lets go of everything.
func (m *midway) Close() error {
	err := m.File.Close()
	if m.data != nil && m.data != m.File {
		err = errors.Join(err, m.data.Close())
	}
	return errors.Join(err, m.lock.Release())
}

// writable opens both devices anew, for nobody else's use, and keeps other runs away.
func (m *midway) writable(ctx context.Context, c *verb.Command) error {
	path, err := volume.Named(c)
	if err != nil {
		return err
	}
	m.name = path
	if !c.Opt.DryRun && !c.Opt.DisableLocks {
		m.lock, err = block.SystemLocks.TryLockName("LUKS2-reencryption-" + m.UUID)
		if errors.Is(err, block.ErrLocked) {
			return verb.Failure(ui.InUse, "Reencryption in-progress. Cannot perform recovery.")
		}
		if err != nil {
			return err
		}
	}
	o := luks.DeviceOptions{Write: !c.Opt.DryRun, Exclusive: !c.Opt.DryRun, NoLocks: c.Opt.DisableLocks}
	if m.data, err = luks.OpenDevice(path, o); err != nil {
		return verb.DeviceError(path, err)
	}
	file := m.data
	if c.Opt.Header.Set {
		o.Exclusive = false
		if file, err = luks.OpenDevice(m.Path, o); err != nil {
			return verb.DeviceError(m.Path, err)
		}
	}
	loaded, err := volume.LoadPatiently(ctx, m.Path, file)
	if err != nil || loaded.UUID != m.UUID {
		return errors.Join(err, verb.DeviceError(m.Path, header.ErrChanged))
	}
	old := m.File
	m.File, m.Volume.Volume = file, loaded
	m.verdict = reencrypt.Judge(loaded.Heads, loaded.Choice)
	return old.Close()
}

// target is what the steps work on.
func (m *midway) target() run.Target {
	unit := uint64(4096)
	if t, err := m.data.Topology(); m.data.IsBlock() && err == nil {
		unit = max(uint64(t.LogicalSector), 512)
	}
	return run.Target{Header: m.File, Data: m.data, UUID: m.UUID, Block: unit}
}

// bringHome asks for what it needs and takes the steps: to the end of the hot zone or, to resume, of the run.
func (m *midway) bringHome(ctx context.Context, c *verb.Command, resume bool) error {
	if err := m.writable(ctx, c); err != nil {
		return err
	}
	if err := m.refuse(); err != nil {
		return err
	}
	if err := m.overFar(c, resume); err != nil {
		return err
	}
	if err := m.agree(ctx, c, resume); err != nil {
		return err
	}
	prompt := "Enter passphrase for reencryption recovery: "
	if resume {
		prompt = keys.EnterFor(m.name)
	}
	ends, err := keys.Ends(ctx, c, m.Volume, m.verdict, prompt)
	if err != nil {
		return err
	}
	defer ends.Close()
	o := run.Options{
		Keys: ends.Keys(), Resume: resume, Trust: m.verdict.Step == reencrypt.Confirm && !resume, Force: !resume,
		Tell: func(p run.Plan) { tellStep(c.UI.Verbosef, p) },
	}
	if resume {
		o.Resilience, o.Hash = c.Opt.Resilience.V, c.Opt.ResilienceHash.Or("sha256")
	}
	if c.Opt.DryRun {
		return m.rehearse(ctx, c, o)
	}
	last, err := run.Home(ctx, m.target(), o)
	if err != nil {
		return midwayError(m.name, err)
	}
	return m.told(c, last)
}

// refuse is for what no key helps with.
func (m *midway) refuse() error {
	if m.verdict.State == reencrypt.Foreign && m.verdict.Step == reencrypt.Refuse {
		err := &reencrypt.ForeignError{Field: "reencryption", Why: m.verdict.Reason}
		return midwayError(m.name, err)
	}
	return m.overItself()
}

// overItself refuses a run whose data would lie over its own header: that one is detached, and the device that was
// named is not the one with the data.
func (m *midway) overItself() error {
	if m.data != m.File || m.Version != 2 {
		return nil
	}
	for _, s := range m.Metadata().Segments() {
		if s.Offset < m.MetadataEnd() && (!s.Backup() || s.HasFlag("backup-final")) {
			return verb.Failure(ui.Failed, "The data of this run begin at byte %d, and header and keyslots of %s end at "+
				"byte %d: this is a detached header. Name it with --header, and the device with the data. Nothing was "+
				"written.", s.Offset, m.name, m.MetadataEnd())
		}
	}
	return nil
}

// overFar refuses to go on with a run whose data reach over a far header that is still the volume's: other programs let
// the new data end where the device ends.
func (m *midway) overFar(c *verb.Command, resume bool) error {
	if !resume || m.data != m.File || m.verdict.Run == nil {
		return nil
	}
	t, _, _, err := far.Find(m.Metadata())
	last := m.verdict.Run.Parts[len(m.verdict.Run.Parts)-1]
	if err != nil || t.Far.None() || !last.Dynamic && last.Offset+last.Size <= t.Far.Start() ||
		!far.Ours(far.Read(m.data, t.Far), m.Choice.Copy) {
		return nil
	}
	return verb.Failure(ui.Failed, "The data of this run reach over the far header of %s, which would be lost. Give "+
		"it up first: %s far disable %s. When the run is over, far enable makes a new one.", m.name, c.Program, m.name)
}

// agree asks before anything is written.
func (m *midway) agree(ctx context.Context, c *verb.Command, resume bool) error {
	if c.Opt.DryRun || resume || m.verdict.State == reencrypt.Clean || m.verdict.State == reencrypt.None {
		return nil
	}
	text := "Really proceed with LUKS2 reencryption recovery?"
	if m.verdict.Step == reencrypt.Confirm {
		text = "Nothing vouches for the metadata of this reencryption. Compare luksDump with what you know of the " +
			"run before you go on: reencryption metadata will be protected and upgraded."
	}
	return c.UI.Confirm(ctx, ui.Confirmation{Text: text})
}

// told says how it ended.
func (m *midway) told(c *verb.Command, last run.Plan) error {
	if last.Verdict.State == reencrypt.None {
		c.UI.Sayf("The reencryption of %s is finished.", m.name)
		return nil
	}
	c.UI.Sayf("The reencryption of %s stopped between two steps: go on with \"%s reencrypt --resume-only\".", m.name,
		c.Program)
	return nil
}

// rehearse says what the next step is, and writes nothing.
func (m *midway) rehearse(ctx context.Context, c *verb.Command, o run.Options) error {
	p, err := run.Look(ctx, m.target(), o, m.Heads, m.Choice, nil)
	if err != nil {
		return midwayError(m.name, err)
	}
	tellPieces(c.UI.Printf, p, uint64(m.data.Size()))
	tellStep(c.UI.Printf, p)
	return nil
}
