// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
	"golang.org/x/sys/unix"
)

// stateDirectory is where undo copies go that nobody chose a file for. An unprivileged user has one
// of their own.
func stateDirectory() string {
	if dir := os.Getenv("ORTHRUS_STATE_DIR"); dir != "" {
		return dir
	}
	if os.Geteuid() == 0 {
		return "/var/lib/orthrus"
	}
	if dir := os.Getenv("XDG_STATE_HOME"); dir != "" {
		return filepath.Join(dir, "orthrus")
	}
	return filepath.Join(os.Getenv("HOME"), ".local/state/orthrus")
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}

// keepUndo makes the undo copy durable before anything is overwritten.
func (c *command) keepUndo(file *luks.File, plan repairing.Plan, now time.Time) error {
	ranges, err := plan.Keep(file)
	if err != nil {
		return err
	}
	undo := repairing.Undo{
		Device: file.Path(), UUID: plan.UUID, SeqID: plan.SeqID, DeviceSize: uint64(file.Size()),
		Time: now.UTC().Format(time.RFC3339), Ranges: ranges,
	}
	contents, err := undo.Encode()
	if err != nil {
		return err
	}
	path := c.o.Undo.V
	if !c.o.Undo.Set {
		dir := filepath.Join(stateDirectory(), "undo")
		path = filepath.Join(dir, fmt.Sprintf("%s-%d-%s", plainName(plan.UUID), plan.SeqID, now.UTC().Format("20060102T150405.000")))
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return undoError(err)
		}
	}
	if err := writeApart(path, contents, file); err != nil {
		return undoError(err)
	}
	c.ui.Printf("What is overwritten is kept in %s.", path)
	return nil
}

func undoError(err error) error {
	return &notice{text: fmt.Sprintf("Cannot keep an undo copy, so nothing was changed: %v. Choose another file with --undo.", err), code: ui.Failed, err: err}
}

// plainName keeps a hostile UUID from naming another directory.
func plainName(uuid string) string {
	keep := func(r rune) rune {
		if r >= '0' && r <= '9' || r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r == '-' {
			return r
		}
		return '_'
	}
	if uuid == "" {
		return "unnamed"
	}
	return strings.Map(keep, uuid)
}

// writeApart makes a new file of mode 0600, durable, on any other device than dev.
func writeApart(path string, contents []byte, dev *luks.File) (err error) {
	dir := filepath.Dir(path)
	if err := notOn(dir, dev.Device); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(contents)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return syncDirectory(dir)
}

func syncDirectory(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// notOn refuses a directory that lies on the device itself, through whatever stands between.
func notOn(dir string, dev *block.Device) error {
	if !dev.IsBlock() {
		return nil
	}
	info, err := os.Stat(dir)
	if err != nil {
		return err
	}
	number, ok := fileSystem(info)
	if !ok {
		return nil
	}
	stack := newStack(dev.Major(), dev.Minor())
	for _, mount := range stack.mounts {
		if m, err := os.Stat(mount); err == nil {
			if other, ok := fileSystem(m); ok && other == number {
				return fmt.Errorf("%s lies on the damaged device itself", dir)
			}
		}
	}
	if stack.devices[number] {
		return fmt.Errorf("%s lies on the damaged device itself", dir)
	}
	return nil
}

func fileSystem(info fs.FileInfo) (number, bool) {
	stat, ok := info.Sys().(*unixStat)
	if !ok {
		return number{}, false
	}
	return number{unix.Major(uint64(stat.Dev)), unix.Minor(uint64(stat.Dev))}, true
}

// goBack puts back what a repair overwrote, where the device still shows what it wrote.
func (c *command) goBack(ctx context.Context, path, file string) error {
	undo, err := readUndo(file)
	if err != nil {
		return failure(ui.Failed, "Undo copy %s cannot be used: %v.", file, err)
	}
	for _, r := range undo.Ranges {
		say := c.ui.Verbosef
		if c.o.DryRun {
			say = c.ui.Printf
		}
		say("%s: bytes %d to %d: back to what stood there before %s", r.What, r.Offset, r.Offset+r.Length-1, undo.Time)
		for _, lost := range r.Unreadable {
			c.ui.Errorf("WARNING: %d bytes at byte %d could not be read then; zeros go there.", lost.Length, lost.Offset)
		}
	}
	if !c.o.DryRun {
		question := fmt.Sprintf("This puts back the damaged header of %s as it was before %s.", path, undo.Time)
		if err := c.ui.Confirm(ctx, ui.Confirmation{Text: question}); err != nil {
			return err
		}
	}
	err = c.withHeader(ctx, path, !c.o.DryRun, func(dev *luks.File) error {
		if err := undo.Check(dev); err != nil || c.o.DryRun {
			return err
		}
		return undo.Revert(dev)
	})
	if errors.Is(err, repairing.ErrMovedOn) {
		return failure(ui.Failed, "Nothing was changed on %s: %v.", path, err)
	}
	if err == nil && !c.o.DryRun {
		c.ui.Printf("Went back to what stood on %s before %s.", path, undo.Time)
	}
	return err
}

func readUndo(path string) (repairing.Undo, error) {
	f, err := os.Open(path)
	if err != nil {
		return repairing.Undo{}, err
	}
	defer f.Close()
	contents, err := io.ReadAll(io.LimitReader(f, repairing.MaxUndo))
	if err != nil {
		return repairing.Undo{}, err
	}
	return repairing.DecodeUndo(contents)
}
