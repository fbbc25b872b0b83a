// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// repair makes a header whole from what is valid of it, whatever else lies on the device; what it
// overwrites is kept. With --undo and a file that exists it goes back.
func repair(ctx context.Context, c *command) error {
	path, err := c.metadataPath()
	if err != nil {
		return err
	}
	if c.o.Undo.Set && exists(c.o.Undo.V) {
		return c.goBack(ctx, path, c.o.Undo.V)
	}
	planner := c.planner()
	plan, err := c.planRepair(ctx, path, planner)
	if err != nil {
		return err
	}
	if len(plan.Writes) == 0 {
		c.ui.Verbosef("Header of %s is in order.", path)
		if plan.Version != 2 {
			return nil
		}
		return c.concluded(ctx, path)
	}
	c.showWrites(plan)
	if c.o.DryRun {
		return nil
	}
	if err := c.settleClones(ctx, path, plan.UUID); err != nil {
		return err
	}
	question := "Really try to repair LUKS device header?"
	if err := c.ui.Confirm(ctx, ui.Confirmation{Text: question}); err != nil {
		return err
	}
	if err := c.carryOutRepair(ctx, path, plan, planner); err != nil {
		return err
	}
	c.ui.Verbosef("Header of %s repaired.", path)
	if plan.Version != 2 {
		return nil
	}
	return c.concluded(ctx, path)
}

// concluded concludes what was begun in several steps, and brings the far header into step.
func (c *command) concluded(ctx context.Context, path string) (err error) {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: !c.o.DryRun, NoLocks: c.o.DisableLocks})
	if err != nil {
		return deviceError(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return deviceError(path, err)
	}
	if c.o.DryRun {
		steps, err := v.PlanResume()
		c.showSteps(steps)
		return sizeError(path, err)
	}
	resumed, err := v.Resume(ctx, c.tellStep())
	if err != nil {
		return sizeError(path, err)
	}
	if resumed {
		c.ui.Verbosef("What was begun on %s was concluded.", path)
	}
	return c.followed(ctx, path)
}

func (c *command) keep() repairing.Keep {
	switch c.o.Choose.V {
	case "primary":
		return repairing.KeepPrimary
	case "secondary":
		return repairing.KeepSecondary
	}
	return repairing.KeepNone
}

// planRepair looks at the device through a handle that cannot write.
func (c *command) planRepair(ctx context.Context, path string, again planner) (repairing.Plan, error) {
	var plan repairing.Plan
	err := c.withHeader(ctx, path, false, func(file *luks.File) (err error) {
		plan, err = again(ctx, file)
		if err == nil && len(plan.Writes) > 0 {
			c.warnOfSignatures(file)
		}
		return err
	})
	if errors.Is(err, header.ErrConflict) && plan.Conflict != nil {
		c.showConflict(plan.Conflict)
		return plan, &notice{
			text: fmt.Sprintf("The two header copies of %s differ under the same sequence number; choose one with --choose primary or --choose secondary.", path),
			code: ui.Failed, err: err,
		}
	}
	return plan, headerError(path, err)
}

// headerError adds to deviceError what repair finds.
func headerError(path string, err error) error {
	var none *header.NoHeaderError
	var field *luks1.FieldError
	switch {
	case errors.As(err, &none) && none.Absent():
		return deviceError(path, luks.ErrNotLUKS)
	case errors.As(err, &none):
		return &notice{text: fmt.Sprintf("Device %s has no valid header to repair it from: %v. Search for one with rescue.", path, none), code: ui.Failed, err: err}
	case errors.As(err, &field):
		return &notice{text: fmt.Sprintf("Device %s: %v. This cannot be mended without a header backup.", path, field), code: ui.Failed, err: err}
	case errors.Is(err, repairing.ErrNotValid):
		return &notice{text: fmt.Sprintf("Device %s: %v.", path, err), code: ui.Failed, err: repairing.ErrNotValid}
	case errors.Is(err, repairing.ErrNoConflict):
		return failure(ui.Failed, "The header copies of %s do not conflict; nothing is to be chosen.", path)
	}
	return deviceError(path, err)
}

// withHeader opens the device and runs do under its lock.
func (c *command) withHeader(ctx context.Context, path string, write bool, do func(*luks.File) error) (err error) {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: write, NoLocks: c.o.DisableLocks})
	if err != nil {
		return deviceError(path, err)
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	waiting, cancel := context.WithTimeout(ctx, lockPatience)
	defer cancel()
	release, err := file.LockMetadata(waiting, write)
	if errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil {
		return failure(ui.InUse, "Somebody else holds the lock on the header of %s%s; run this again when they are done.", path, users(file))
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, release()) }()
	return do(file)
}

// users names the processes that have a block device open.
func users(file *luks.File) string {
	if !file.IsBlock() {
		return ""
	}
	holders, err := block.Holders(file.Major(), file.Minor())
	if err != nil {
		return ""
	}
	var names []string
	for _, h := range holders {
		if h.Kind == block.HolderProcess {
			names = append(names, fmt.Sprintf("%s (process %d)", h.Name, h.PID))
		}
	}
	if len(names) == 0 {
		return ""
	}
	return ", which these have open: " + strings.Join(names, ", ")
}

// showWrites prints each range with its reason; without --dry-run only where -v asks for it.
func (c *command) showWrites(p repairing.Plan) {
	say := c.ui.Verbosef
	if c.o.DryRun {
		say = c.ui.Printf
	}
	for _, w := range p.Writes {
		say("%s: bytes %d to %d: %s", w.What, w.Offset, w.Offset+uint64(len(w.Bytes))-1, w.Why)
	}
}

// warnOfSignatures names what else claims the device: repair was asked for by somebody who knows.
func (c *command) warnOfSignatures(file *luks.File) {
	found, err := signature.Detect(file, file.Size())
	if err != nil {
		c.ui.Debugf("%v", err)
	}
	for _, s := range found {
		if s.Kind != "crypto_LUKS" && !s.Backup && !s.Damaged {
			c.ui.Errorf("WARNING: %s also bears a signature of %s at byte %d.", file.Path(), s.Kind, s.Offset)
		}
	}
}

func (c *command) showConflict(conflict *repairing.Conflict) {
	for _, f := range []header.Found{conflict.Primary, conflict.Secondary} {
		var ids []int
		for _, slot := range f.Copy.Metadata.Keyslots() {
			ids = append(ids, slot.ID)
		}
		label := ""
		if f.Copy.Header.Label != "" {
			label = fmt.Sprintf(", label %q", f.Copy.Header.Label)
		}
		c.ui.Errorf("%v header at byte %d: seqid %d, UUID %s%s, %s, %d tokens", f.Place, f.Offset, f.Copy.Header.SeqID,
			f.Copy.Header.UUID, label, idList("keyslot", ids), len(f.Copy.Metadata.Tokens()))
	}
}

// carryOutRepair plans again under the exclusive lock, keeps what will be overwritten, and writes.
func (c *command) carryOutRepair(ctx context.Context, path string, seen repairing.Plan, again planner) error {
	err := c.withHeader(ctx, path, true, func(file *luks.File) error {
		plan, err := again(ctx, file)
		if err != nil {
			return err
		}
		if plan.Generation != seen.Generation {
			return header.ErrChanged
		}
		if err := c.keepUndo(file, plan, time.Now()); err != nil {
			return err
		}
		return repairing.Apply(file, plan)
	})
	return headerError(path, err)
}
