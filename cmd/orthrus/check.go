// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// The exit codes of check beyond those of other verbs.
const (
	healable ui.ExitCode = 6 // damaged or at risk, the volume still opens
	lost     ui.ExitCode = 7 // what is left does not open the volume
)

// checked is what check says of one device.
type checked struct {
	Device string `json:"device"`
	Error  string `json:"error,omitempty"` // why there is no report
	*inspect.Report
	code    ui.ExitCode
	regions []inspect.Region
}

// check reports on every device it is given, changing nothing. The exit code is the worst one.
func check(ctx context.Context, c *command) error {
	if c.o.SVG.Set && len(c.Args) > 1 {
		return failure(ui.Failed, "Option --svg draws one device.")
	}
	all := struct {
		Devices []checked `json:"devices"`
	}{[]checked{}}
	worst := ui.OK
	for _, name := range c.Args {
		one := c.checkOne(ctx, name)
		if err := ctx.Err(); err != nil {
			return err
		}
		if severity(one.code) > severity(worst) {
			worst = one.code
		}
		if c.o.JSON {
			all.Devices = append(all.Devices, one)
			continue
		}
		c.printChecked(one)
	}
	if c.o.JSON {
		if err := c.printJSON(all); err != nil {
			return err
		}
	}
	if worst != ui.OK {
		return silent(worst)
	}
	return nil
}

// severity puts exit codes into an order: known to be lost is worse than damaged, which is worse
// than what could not be looked at.
func severity(code ui.ExitCode) int {
	switch code {
	case ui.OK:
		return 0
	case healable:
		return 2
	case lost:
		return 3
	}
	return 1
}

func (c *command) checkOne(ctx context.Context, name string) checked {
	one := checked{Device: name}
	evidence, err := c.gather(ctx, name)
	var report inspect.Report
	if err == nil {
		report, err = inspect.Judge(evidence)
	}
	if errors.Is(err, inspect.ErrNotLUKS) {
		err = deviceError(name, luks.ErrNotLUKS)
	}
	if err == nil && c.o.Boot {
		report.Boot = inspect.BootReport(report)
	}
	if err == nil && (c.o.Map || c.o.SVG.Set) {
		one.regions = inspect.Layout(report, inspect.KeyslotRoom(evidence))
		err = c.drawSVG(one, report)
	}
	if err != nil {
		said := explain(err)
		one.code = said.code
		if len(said.lines) > 0 {
			one.Error = said.lines[0]
		}
		return one
	}
	if c.o.Map {
		report.Map = one.regions
	}
	one.Report = &report
	one.code = [...]ui.ExitCode{inspect.Note: ui.OK, inspect.Healable: healable, inspect.Lost: lost}[report.Grade()]
	return one
}

// lockPatience is how long a report waits for somebody who is changing the header. What it then
// reads without the lock may be half of an update, but a report that never comes says less.
const lockPatience = 5 * time.Second

// gather reads one device under the shared lock.
func (c *command) gather(ctx context.Context, name string) (inspect.Evidence, error) {
	path, err := block.Resolve(name)
	if err != nil {
		return inspect.Evidence{}, deviceError(name, err)
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: c.o.DisableLocks})
	if err != nil {
		return inspect.Evidence{}, deviceError(name, err)
	}
	defer file.Close()
	waiting, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	release, err := file.LockMetadata(waiting, false)
	if ctx.Err() != nil {
		return inspect.Evidence{}, ctx.Err()
	}
	if err != nil {
		c.ui.Errorf("WARNING: %s is read without a lock: %v", name, err)
		return c.evidence(file), nil
	}
	evidence := c.evidence(file)
	return evidence, release()
}

// evidence is what the device shows, with the far header.
func (c *command) evidence(file *luks.File) inspect.Evidence {
	e := inspect.Read(file)
	if e.LUKS1 != nil || e.LUKS1Err != nil {
		return e
	}
	if e.ChoiceErr != nil {
		if at, ok := far.LocatorAt(uint64(file.Size())); ok {
			if f := far.Look(file, at); f.State > far.Unreadable {
				e.Far = &inspect.FarEvidence{Lost: &f}
			}
		}
		return e
	}
	f, err := luks.LookFar(file, e.Heads, e.Choice)
	if err != nil {
		c.ui.Errorf("WARNING: the far header of %s was not looked at: %v", file.Path(), err)
		return e
	}
	e.Far = &inspect.FarEvidence{Judgement: f.Judgement, Token: f.Token, HasToken: f.HasToken, Recorded: f.Recorded, Damaged: f.Damaged}
	return e
}

func (c *command) drawSVG(one checked, r inspect.Report) error {
	if !c.o.SVG.Set {
		return nil
	}
	title := fmt.Sprintf("%s: LUKS%d %s, %s", filepath.Base(one.Device), r.Version, r.UUID, r.Verdict)
	err := os.WriteFile(c.o.SVG.V, []byte(inspect.SVG(title, one.regions)), 0o644)
	if err != nil {
		return fmt.Errorf("drawing: %w", err)
	}
	return nil
}
