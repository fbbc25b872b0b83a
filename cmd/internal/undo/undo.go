// SPDX-License-Identifier: Apache-2.0

// Package undo keeps what a repair overwrites in files, on another device than the one repaired.
package undo

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/repair"
	"golang.org/x/sys/unix"
)

// ErrOnItself is the kind of refusal to keep a copy on the device that it is to save.
var ErrOnItself = errors.New("lies on the damaged device itself")

// Directory is where undo copies go that nobody chose a file for.
func Directory(state string) string { return filepath.Join(state, "undo") }

// Name is that of the undo copy of a repair: the volume, what it was at, and when.
func Name(plan repair.Plan, now time.Time) string {
	return fmt.Sprintf("%s-%d-%s", PlainName(plan.UUID), plan.SeqID, now.UTC().Format("20060102T150405.000"))
}

// Keep makes an undo copy of what the plan overwrites durable, in a new file at path whose directory
// is made if need be.
func Keep(path string, file *luks.File, plan repair.Plan, now time.Time) error {
	ranges, err := plan.Keep(file)
	if err != nil {
		return err
	}
	contents, err := repair.Undo{
		Device: file.Path(), UUID: plan.UUID, SeqID: plan.SeqID, DeviceSize: uint64(file.Size()),
		Time: now.UTC().Format(time.RFC3339), Ranges: ranges,
	}.Encode()
	if err != nil {
		return err
	}
	if err := makeFolder(filepath.Dir(path)); err != nil {
		return err
	}
	return WriteApart(path, contents, file)
}

// ErrNoFile refuses what no undo copy ever is, such as a FIFO, which may never answer.
var ErrNoFile = errors.New("no regular file")

// Read is the undo copy in a file.
func Read(path string) (repair.Undo, error) {
	if info, err := os.Stat(path); err != nil {
		return repair.Undo{}, err
	} else if !info.Mode().IsRegular() {
		return repair.Undo{}, &os.PathError{Op: "read", Path: path, Err: ErrNoFile}
	}
	f, err := os.Open(path)
	if err != nil {
		return repair.Undo{}, err
	}
	defer f.Close()
	contents, err := io.ReadAll(io.LimitReader(f, repair.MaxUndo))
	if err != nil {
		return repair.Undo{}, err
	}
	return repair.DecodeUndo(contents)
}

// PlainName keeps a hostile UUID from naming another directory.
func PlainName(uuid string) string {
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

// WriteApart makes a new file of mode 0600, durable, on any other device than dev: ErrOnItself.
func WriteApart(path string, contents []byte, dev *luks.File) (err error) {
	dir := filepath.Dir(path)
	on, err := dev.Bears(dir)
	if err != nil {
		return err
	}
	if on {
		return fmt.Errorf("%s %w", dir, ErrOnItself)
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(contents)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return SyncDirectory(dir)
}

// SyncDirectory makes the names in a directory durable.
func SyncDirectory(dir string) error { return block.SyncDirectory(dir) }
