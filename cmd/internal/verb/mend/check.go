// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/inspect"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// checked is what check says of one device.
type checked struct {
	Device string `json:"device"`
	Error  string `json:"error,omitempty"` // why there is no report
	*inspect.Report
	// BitLocker is there instead of the rest for a volume of that.
	BitLocker *bitlkChecked `json:"bitlocker,omitempty"`
	// FileVault is there instead of the rest for a volume of that.
	FileVault *fvault2Checked `json:"filevault,omitempty"`
	// Verity is there instead of the rest for a hash device of dm-verity.
	Verity  *verityChecked `json:"verity,omitempty"`
	code    ui.ExitCode
	hint    string // where the way goes on from an error, under our own name
	regions []inspect.Region
	stands  situation
}

// checkOptions are those that only check takes.
type checkOptions struct {
	boot    bool
	drawMap bool
	svg     cli.Value[string]
}

// Check declares the verb.
func Check() verb.Verb {
	var o checkOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "check", Group: cli.GroupRepair, Args: "<device>...", MinArgs: 1, Own: true, First: 6,
			Summary: "report on headers, keyslots and data area, changing nothing",
			Takes:   cli.OfHeader + "json",
			Options: []cli.Option{
				{Long: "boot", Into: &o.boot, Help: "say what a boot loader could not open"},
				{Long: "map", Into: &o.drawMap, Help: "draw where on the device what lies"},
				{Long: "svg", Arg: "FILE", Into: &o.svg, File: true, Help: "the same drawing in a file"},
			},
			About: []string{
				"Looks at both header copies, every keyslot's material, the data area and what else the device " +
					"seems to be, and changes nothing. Exit status 6 means that something is damaged or at risk and " +
					"the volume still opens, 7 that what is left does not open it.",
				"Of a BitLocker volume it looks at the three copies of the metadata, of a FileVault 2 volume at " +
					"both headers and all copies of the metadata, and of a hash device of dm-verity at the " +
					"superblock and at whether the levels of the tree fit each other: verity verify tells whether " +
					"data are those of a root hash.",
			},
			Report: checkReport(),
			Examples: []cli.Example{
				{What: "Is everything in order?", Line: "orthrus check /dev/sdb2 /dev/sdc1"},
				{
					What: "Draw what lies where, and ask what boot loaders could open:",
					Line: "orthrus check --map --boot /dev/sdb2",
				},
			},
			Exits: []cli.Exit{
				{Code: 1, Means: "It is no such volume, cannot be looked at, or is one that cannot be opened here."},
				{Code: 6, Means: "Something is damaged or at risk; the volume still opens."},
				{Code: 7, Means: "What is left does not open the volume."},
			},
			SeeAlso: []string{"repair", "rescue"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return check(ctx, c, &o) },
	}
}

// check reports on every device it is given, changing nothing. The exit code is the worst one.
func check(ctx context.Context, c *verb.Command, o *checkOptions) error {
	if o.svg.Set && len(c.Args) > 1 {
		return verb.Failure(ui.Failed, "Option --svg draws one device.")
	}
	if c.Opt.Header.Set && len(c.Args) > 1 {
		return verb.Failure(ui.Failed, "Option --header is the header of one device; name one.")
	}
	if o.svg.Set {
		if err := volume.Replaceable(o.svg.V, append(slices.Clone(c.Args), c.Opt.Header.V)...); err != nil {
			return err
		}
	}
	all := struct {
		Devices []checked `json:"devices"`
	}{[]checked{}}
	worst := ui.OK
	names := c.Args
	if c.Opt.Header.Set {
		names = []string{c.Opt.Header.V}
	}
	for _, name := range names {
		one := checkOne(ctx, c, o, name)
		if err := ctx.Err(); err != nil {
			return err
		}
		if severity(one.code) > severity(worst) {
			worst = one.code
		}
		if c.Opt.JSON {
			all.Devices = append(all.Devices, one)
			continue
		}
		printChecked(c, o, one)
	}
	if c.Opt.JSON {
		if err := c.PrintJSON(all); err != nil {
			return err
		}
	}
	if worst != ui.OK {
		return verb.Silent(worst)
	}
	return nil
}

// severity puts exit codes into an order: known to be lost is worse than damaged, which is worse
// than what could not be looked at.
func severity(code ui.ExitCode) int {
	switch code {
	case ui.OK:
		return 0
	case verb.Healable:
		return 2
	case verb.Lost:
		return 3
	}
	return 1
}

// other looks for a volume of another format, and tells whether there is one.
func (one *checked) other(ctx context.Context, name string) bool {
	path, err := block.Resolve(name)
	if err != nil {
		return false
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return false
	}
	defer dev.Close()
	if found := checkBitlk(dev); found != nil {
		one.BitLocker, one.code = found, found.Code
		return true
	}
	if found := checkFVault2(dev); found != nil {
		one.FileVault, one.code = found, found.Code
		return true
	}
	if found := checkVerity(ctx, dev); found != nil {
		one.Verity, one.code = found, found.code
		return true
	}
	return false
}

func checkOne(ctx context.Context, c *verb.Command, o *checkOptions, name string) checked {
	one := checked{Device: name}
	evidence, err := gather(ctx, c, name)
	var report inspect.Report
	if err == nil {
		report, err = inspect.Judge(evidence)
	}
	if errors.Is(err, inspect.ErrNotLUKS) {
		if one.other(ctx, name) {
			return one
		}
		err = verb.DeviceError(name, luks.ErrNotLUKS)
	}
	if err == nil {
		err = addLeftovers(ctx, name, &report)
	}
	one.stands.report = &report
	if err == nil {
		err = one.stands.complete(ctx, c, name)
	}
	if err == nil {
		addClosed(&report)
		addCutOff(&report, one.stands.cutOff)
		err = addShared(ctx, c, name, &report)
	}
	if err == nil && o.boot {
		report.Boot = inspect.BootReport(report)
	}
	if err == nil && (o.drawMap || o.svg.Set) {
		one.regions = inspect.Layout(report, inspect.KeyslotRoom(evidence))
		err = drawSVG(c, o, one, report)
	}
	if err != nil {
		said := c.Told(ctx, err)
		one.code = said.Code
		if c.UI.Own && !c.Opt.JSON {
			one.hint = guarded.Hint(ctx, c, name, err)
		}
		if len(said.Lines) > 0 {
			one.Error = said.Lines[0]
		}
		if one.hint == "" && len(said.Lines) > 1 && c.UI.Own && !c.Opt.JSON {
			one.hint = said.Lines[1]
		}
		return one
	}
	if o.drawMap {
		report.Map = one.regions
	}
	one.Report = &report
	one.code = [...]ui.ExitCode{
		inspect.Note: ui.OK, inspect.Healable: verb.Healable,
		inspect.Lost: verb.Lost,
	}[report.Grade()]
	return one
}

// addClosed says so where a header is in order and no keyslot opens the data, as after erase.
func addClosed(r *inspect.Report) {
	for _, k := range r.Keyslots {
		if k.Bound {
			return
		}
	}
	if r.Grade() < inspect.Lost {
		r.Add(inspect.Lost, "no keyslot opens the data any more; a header backup from before may")
	}
}

// addCutOff says so where a change that goes in steps waits to be concluded, and nothing else tells of it.
func addCutOff(r *inspect.Report, cutOff bool) {
	if cutOff && r.Grade() == inspect.Note {
		r.Add(inspect.Healable, "a change that goes in steps was cut off")
	}
}

// addShared says so where the data would lie over the detached header itself.
func addShared(ctx context.Context, c *verb.Command, name string, r *inspect.Report) error {
	path, err := block.Resolve(name)
	if err != nil {
		return verb.DeviceError(name, err)
	}
	err = volume.ApartOn(ctx, c, path)
	var shared *verb.Notice
	if errors.As(err, &shared) {
		r.Add(inspect.Healable, "the data begins where header and keyslots lie: writing there destroys them")
		err = nil
	}
	return err
}

// addLeftovers says where a keyslot is in nothing but what was kept while it was changed in place.
func addLeftovers(ctx context.Context, name string, r *inspect.Report) error {
	if r.Version != 1 || r.Grade() == inspect.Lost {
		return nil
	}
	path, err := block.Resolve(name)
	if err != nil {
		return verb.DeviceError(name, err)
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return verb.DeviceError(name, err)
	}
	defer file.Close()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return nil // the report says why
	}
	left, err := volume.Leftovers(ctx, v)
	for _, l := range left {
		r.Add(inspect.Healable, l.String())
	}
	return err
}

// gather reads one device under the shared lock and, where that has a detached header, how long its data device is.
func gather(ctx context.Context, c *verb.Command, name string) (inspect.Evidence, error) {
	e, err := gatherHeader(ctx, c, name)
	if err != nil || !c.Opt.Header.Set {
		return e, err
	}
	path, err := volume.Named(c)
	if err != nil {
		return e, err
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return e, verb.DeviceError(path, err)
	}
	size := uint64(dev.Size())
	e.DataSize = &size
	return e, dev.Close()
}

func gatherHeader(ctx context.Context, c *verb.Command, name string) (inspect.Evidence, error) {
	path, err := block.Resolve(name)
	if err != nil {
		return inspect.Evidence{}, verb.DeviceError(name, err)
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return inspect.Evidence{}, verb.DeviceError(name, err)
	}
	defer file.Close()
	waiting, cancel := context.WithTimeout(ctx, volume.LockPatience)
	defer cancel()
	release, err := file.LockMetadata(waiting, false)
	if ctx.Err() != nil {
		return inspect.Evidence{}, ctx.Err()
	}
	if err != nil {
		c.UI.Errorf("WARNING: %s is read without a lock: %v", name, err)
		return evidence(c, file), nil
	}
	evidence := evidence(c, file)
	return evidence, release()
}

// evidence is what the device shows, with the far header.
func evidence(c *verb.Command, file *luks.File) inspect.Evidence {
	e := inspect.Read(file)
	e.Weigh(file)
	if e.LUKS1 != nil || e.LUKS1Err != nil {
		return e
	}
	if e.ChoiceErr != nil {
		if f := far.AtEnd(file); f.State > far.Unreadable {
			e.Far = &inspect.FarEvidence{Lost: &f}
		}
		return e
	}
	_, _, e.Resizing, _ = relocate.FindLog(e.Choice.Copy.Metadata) // one of another version is for repair to refuse
	f, err := luks.LookFar(file, e.Heads, e.Choice)
	if err != nil {
		c.UI.Errorf("WARNING: the far header of %s was not looked at: %v", file.Path(), err)
		return e
	}
	e.Far = &inspect.FarEvidence{
		Judgement: f.Judgement, Token: f.Token, HasToken: f.HasToken, Recorded: f.Recorded,
		Damaged: f.Damaged, Left: f.Left, Severed: f.Severed, Unclear: f.Unclear,
	}
	return e
}

func drawSVG(c *verb.Command, o *checkOptions, one checked, r inspect.Report) error {
	if !o.svg.Set {
		return nil
	}
	title := fmt.Sprintf("%s: LUKS%d %s, %s", filepath.Base(one.Device), r.Version, r.UUID, r.Verdict)
	err := os.WriteFile(o.svg.V, []byte(inspect.SVG(title, one.regions)), 0o644)
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	return nil
}
