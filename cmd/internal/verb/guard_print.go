// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"io/fs"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/store"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/dm/block"
)

func (c *command) guardStatus() error {
	s, err := guard.AskStatus(guardSocket())
	if errors.Is(err, guard.ErrNotRunning) {
		return failure(ui.NoDevice, "No guard is running (nobody answers at %s).", guardSocket())
	}
	if err != nil {
		return err
	}
	if c.o.JSON {
		return c.printJSON(s)
	}
	c.ui.Printf("The guard runs since %s (process %d), hears of devices from %s, and has repair = %s.", s.Started, s.PID, s.Source, s.Repair)
	c.ui.Printf("%d looks, %d repairs, %d restored, %d enlarged, %d refusals, %d failures.", s.Looks, s.Repairs, s.Restores, s.Enlarged, s.Refusals, s.Failures)
	c.ui.Printf("%d events, %d forged, %d malformed, lost %d times.", s.Events, s.Forged, s.Unread, s.Overruns)
	for _, v := range s.Volumes {
		c.printVolume(v)
	}
	return nil
}

// printVolume is one volume for people.
func (c *command) printVolume(v guard.Volume) {
	title := fmt.Sprintf("%s: LUKS%d %s, %s", v.Device, v.Version, v.UUID, v.Verdict)
	if v.Mapping != "" {
		title += ", mapped as " + v.Mapping
	}
	c.ui.Printf("%s", title)
	for _, one := range v.Copies {
		c.ui.Printf("  %s header at byte %d: %s, seqid %d", one.Place, one.Offset, one.State, one.SeqID)
	}
	for _, text := range v.Findings {
		c.ui.Printf("  %s", text)
	}
	if v.Did != "" {
		c.ui.Printf("  done: %s", v.Did)
	}
	if v.Undo != "" {
		c.ui.Printf("  kept: %s", v.Undo)
	}
	if v.Would != "" {
		c.ui.Printf("  to be done: %s", v.Would)
	}
	for _, text := range v.Because {
		c.ui.Printf("  against it: %s", text)
	}
}

func (c *command) guardHistory(uuid string) error {
	list, err := guardStore().History(uuid)
	if errors.Is(err, fs.ErrNotExist) {
		return failure(ui.NoDevice, "The guard has never seen a volume with UUID %s.", uuid)
	}
	if err != nil {
		return err
	}
	if c.o.JSON {
		return c.printJSON(struct {
			History []store.Entry `json:"history"`
		}{list})
	}
	for _, e := range list {
		c.ui.Printf("%s %s %s seqid %d: %s", e.Time, e.Device, e.What, e.SeqID, e.Text)
		if e.Undo != "" {
			c.ui.Printf("  kept: %s", e.Undo)
		}
	}
	return nil
}

// guardUndo takes back the last repair of a volume, and has the guard leave it alone from then on: it
// would mend it again.
func (c *command) guardUndo(ctx context.Context, uuid string) error {
	s := guardStore()
	copies, err := s.UndoCopies(uuid)
	if err != nil {
		return err
	}
	if len(copies) == 0 {
		return failure(ui.NoDevice, "No undo copy of a volume with UUID %s is kept.", uuid)
	}
	file := copies[len(copies)-1]
	kept, err := undo.Read(file)
	if err != nil {
		return failure(ui.Failed, "Undo copy %s cannot be used: %v.", file, err)
	}
	path, err := c.stillAt(uuid, kept.Device)
	if err != nil {
		return err
	}
	if !c.o.DryRun {
		if err := s.Hold(uuid, "the repair of "+kept.Time+" was taken back"); err != nil {
			return fmt.Errorf("nothing was changed, since the guard would mend it again: %w", err)
		}
	}
	if err := c.goBack(ctx, path, file); err != nil {
		if !c.o.DryRun {
			err = errors.Join(err, s.Release(uuid))
		}
		return err
	}
	if c.o.DryRun {
		return nil
	}
	return s.Note(uuid, store.Entry{Time: store.Now(), Device: path, What: store.Undone, SeqID: kept.SeqID, Text: "the repair of " + kept.Time + " was taken back; the guard leaves the volume alone until it is in order"})
}

// stillAt is where the volume is now: where it was, or where a running guard sees it.
func (c *command) stillAt(uuid, device string) (string, error) {
	if s, err := guard.AskStatus(guardSocket()); err == nil {
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
