// SPDX-License-Identifier: Apache-2.0

package watch

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
)

func guardStatus(c *verb.Command) error {
	s, err := guard.AskStatus(guarded.Socket())
	if errors.Is(err, guard.ErrNotRunning) {
		return verb.Failure(ui.NoDevice, "No guard is running (nobody answers at %s).", guarded.Socket())
	}
	if errors.Is(err, fs.ErrPermission) {
		return verb.Failure(ui.Failed, "The guard answers to root alone, or to the user who runs it (%s). Try sudo.",
			guarded.Socket())
	}
	if err != nil {
		return verb.Failure(ui.Failed, "The guard at %s does not answer as it should: %s.", guarded.Socket(),
			verb.Reason(err))
	}
	if c.Opt.JSON {
		return c.PrintJSON(s)
	}
	c.UI.Printf("The guard runs since %s (process %d), hears of devices from %s, and has repair = %s.", s.Started,
		s.PID, s.Source, s.Repair)
	c.UI.Printf("%d looks, %d repairs, %d restored, %d enlarged, %d refusals, %d failures.", s.Looks, s.Repairs,
		s.Restores, s.Enlarged, s.Refusals, s.Failures)
	c.UI.Printf("%d steps rehearsed, %d looks not answered in time.", s.Shadowed, s.Late)
	c.UI.Printf("%d events, %d forged, %d malformed, lost %d times.", s.Events, s.Forged, s.Unread, s.Overruns)
	for _, v := range s.Volumes {
		printVolume(c, v)
	}
	return nil
}

// printVolume is one volume for people.
func printVolume(c *verb.Command, v guard.Volume) {
	title := fmt.Sprintf("%s: LUKS%d %s, %s", v.Device, v.Version, v.UUID, v.Verdict)
	if v.Mapping != "" {
		title += ", mapped as " + v.Mapping
	}
	c.UI.Printf("%s", title)
	for _, one := range v.Copies {
		c.UI.Printf("  %s header at byte %d: %s, seqid %d", one.Place, one.Offset, one.State, one.SeqID)
	}
	for _, text := range v.Findings {
		c.UI.Printf("  %s", text)
	}
	if v.Did != "" {
		c.UI.Printf("  done: %s", v.Did)
	}
	if v.Undo != "" {
		c.UI.Printf("  kept: %s", v.Undo)
	}
	if v.Would != "" {
		c.UI.Printf("  to be done: %s", v.Would)
	}
	for _, condition := range v.Proof {
		word := "proven"
		if !condition.Holds {
			word = "against it"
		}
		c.UI.Printf("  %s: %s (%s)", word, condition.Text, condition.Kind)
	}
	for _, text := range v.Because[min(len(v.Because), failing(v.Proof)):] {
		c.UI.Printf("  against it: %s", text)
	}
	if v.Rehearsed != "" {
		c.UI.Printf("  rehearsed: %s", v.Rehearsed)
	}
}

// failing counts the conditions that do not hold: they are the first that stand against a step.
func failing(proof []verdict.Condition) (n int) {
	for _, c := range proof {
		if !c.Holds {
			n++
		}
	}
	return n
}

func guardHistory(c *verb.Command, uuid string) error {
	list, err := guarded.Store(c).History(uuid)
	if errors.Is(err, fs.ErrNotExist) {
		return verb.Failure(ui.NoDevice, "The guard has never seen a volume with UUID %s.", uuid)
	}
	if err != nil {
		return err
	}
	if c.Opt.JSON {
		return c.PrintJSON(struct {
			History []store.Entry `json:"history"`
			Kept    []store.Kept  `json:"kept"`
		}{list, guarded.Store(c).Heads(uuid)})
	}
	for _, e := range list {
		c.UI.Printf("%s %s %s seqid %d: %s", e.Time, e.Device, e.What, e.SeqID, e.Text)
		if e.Undo != "" {
			c.UI.Printf("  kept: %s", e.Undo)
		}
	}
	for _, k := range guarded.Store(c).Heads(uuid) {
		c.UI.Printf("kept: header of seqid %d as it was at %s, %d bytes, in %s", k.SeqID, k.Time, k.Bytes, k.Path)
	}
	return nil
}

// guardUndo takes back the last repair of a volume, and has the guard leave it alone from then on: it
// would mend it again.
func guardUndo(ctx context.Context, c *verb.Command, uuid string) error {
	s := guarded.Store(c)
	copies, err := s.UndoCopies(uuid)
	if err != nil {
		return err
	}
	if len(copies) == 0 {
		return verb.Failure(ui.NoDevice, "No undo copy of a volume with UUID %s is kept.", uuid)
	}
	file := copies[len(copies)-1]
	kept, err := undo.Read(file)
	if err != nil {
		return verb.Failure(ui.Failed, "Undo copy %s cannot be used: %v.", file, err)
	}
	path, err := stillAt(uuid, kept.Device)
	if err != nil {
		return err
	}
	if !c.Opt.DryRun {
		if err := s.Hold(uuid, "the repair of "+kept.Time+" was taken back"); err != nil {
			return fmt.Errorf("nothing was changed, since the guard would mend it again: %w", err)
		}
	}
	if err := volume.GoBack(ctx, c, path, file); err != nil {
		if !c.Opt.DryRun {
			err = errors.Join(err, s.Release(uuid))
		}
		return err
	}
	if c.Opt.DryRun {
		return nil
	}
	return s.Note(uuid, store.Entry{
		Time: store.Now(), Device: path, What: store.Undone, SeqID: kept.SeqID,
		Text: "the repair of " + kept.Time + " was taken back; the guard leaves the volume alone until it is in order",
	})
}

// stillAt is where the volume is now: where it was, or where a running guard sees it.
func stillAt(uuid, device string) (string, error) {
	if s, err := guard.AskStatus(guarded.Socket()); err == nil {
		for _, v := range s.Volumes {
			if v.UUID == uuid {
				return v.Device, nil
			}
		}
	}
	if path, err := block.Resolve("UUID=" + uuid); err == nil {
		return path, nil
	}
	return device, nil
}
