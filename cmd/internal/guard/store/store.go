// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/luks"
	"golang.org/x/sys/unix"
)

// Store is two directories of the same shape. What must not lie on the volume it protects goes to
// Volatile where State lies on that volume, and is lost when the machine stops.
type Store struct {
	State    string // /var/lib/orthrus
	Volatile string // /run/orthrus
	// Rehearsed: nothing is written to it, and nothing in it is destroyed.
	Rehearsed bool
}

// The names in a volume's directory, <state>/guard/<uuid>. A head's name goes on with its number and the
// beginning of its sum.
const (
	chainFile   = "chain"
	headPrefix  = "head"
	historyFile = "history"
	holdFile    = "hold"
)

func volume(root, uuid string) string { return filepath.Join(root, "guard", undo.PlainName(uuid)) }

func (s Store) roots() []string { return []string{s.State, s.Volatile} }

// apart is the root that does not lie on the device.
func (s Store) apart(file *luks.File) (string, error) {
	for _, root := range s.roots() {
		if err := os.MkdirAll(filepath.Join(root, "guard"), 0o700); err != nil {
			return "", err
		}
		on, err := file.Bears(root)
		if err != nil {
			return "", err
		}
		if !on {
			return root, nil
		}
	}
	return "", fmt.Errorf("%s and %s %w", s.State, s.Volatile, undo.ErrOnItself)
}

// UndoDirectory is where an undo copy of the device may go.
func (s Store) UndoDirectory(file *luks.File) (string, error) {
	root, err := s.apart(file)
	return undo.Directory(root), err
}

// Drop destroys all that is kept of a volume, and what happened to it.
func (s Store) Drop(uuid string) error {
	failed := []error{s.forget(uuid)}
	for _, root := range s.roots() {
		failed = append(failed, s.removeAll(volume(root, uuid)))
	}
	return errors.Join(failed...)
}

// forget destroys all that is kept of a volume but what happened to it.
func (s Store) forget(uuid string) error {
	return errors.Join(s.Purge(uuid), s.Shred(s.chains(uuid)...), s.Unsee(uuid))
}

// Purge destroys what could bring a revoked key back: every head and undo copy of the volume. A header backup that
// a change in place has kept may be the only way to a keyslot: the verbs that revoke look at the device first, and
// destroy it. What happened, and which states were seen, stays known.
func (s Store) Purge(uuid string) error {
	paths, err := s.heads(uuid)
	copies, copiesErr := s.UndoCopies(uuid)
	failed := []error{err, copiesErr}
	return errors.Join(append(failed, s.Shred(slices.Concat(paths, copies)...))...)
}

// Shred overwrites files and removes them, but for a rehearsal. All that the store destroys goes through it.
func (s Store) Shred(paths ...string) error {
	if s.Rehearsed {
		return nil
	}
	var failed []error
	for _, path := range paths {
		failed = append(failed, undo.Shred(path))
	}
	return errors.Join(failed...)
}

// removeAll removes a directory in which nothing is left that must be overwritten.
func (s Store) removeAll(dir string) error {
	if s.Rehearsed {
		return nil
	}
	return os.RemoveAll(dir)
}

// heads are the files of heads, whole or not.
func (s Store) heads(uuid string) (paths []string, err error) {
	for _, root := range s.roots() {
		list, listErr := undo.Files(volume(root, uuid), headPrefix, "")
		paths, err = append(paths, list...), errors.Join(err, listErr)
	}
	return paths, err
}

func (s Store) chains(uuid string) (paths []string) {
	for _, root := range s.roots() {
		paths = append(paths, filepath.Join(volume(root, uuid), chainFile))
	}
	return paths
}

// MaxUndo is how many undo copies of a volume are kept; the oldest are destroyed.
const MaxUndo = 16

// TrimUndo holds the undo copies of a volume to their bound.
func (s Store) TrimUndo(uuid string) error {
	copies, err := s.UndoCopies(uuid)
	failed := []error{err}
	for len(copies) > MaxUndo {
		failed = append(failed, s.Shred(copies[0]))
		copies = copies[1:]
	}
	return errors.Join(failed...)
}

// UndoCopies lists the undo copies of a volume, the newest last.
func (s Store) UndoCopies(uuid string) ([]string, error) {
	var all []string
	for _, root := range s.roots() {
		copies, err := s.copiesIn(undo.Directory(root), uuid)
		if err != nil {
			return nil, err
		}
		all = append(all, copies...)
	}
	return all, nil
}

func (s Store) copiesIn(dir, uuid string) ([]string, error) {
	named, err := undo.Files(dir, undo.PlainName(uuid)+"-", "")
	if err != nil {
		return nil, err
	}
	var paths []string
	for _, path := range named {
		if kept, err := undo.Read(path); err == nil && kept.UUID == uuid {
			paths = append(paths, path)
		}
	}
	return paths, nil
}

// Hold says why a volume is to be left alone; the guard then only reports until it is in order.
func (s Store) Hold(uuid, why string) error {
	if s.Rehearsed {
		return nil
	}
	if err := s.room(uuid); err != nil {
		return err
	}
	return replace(filepath.Join(volume(s.State, uuid), holdFile), []byte(why+"\n"))
}

// Held is the reason given to Hold, "" where there is none.
func (s Store) Held(uuid string) string {
	p, err := readFile(filepath.Join(volume(s.State, uuid), holdFile), 4096)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(p))
}

// Release takes a hold back.
func (s Store) Release(uuid string) error {
	if s.Rehearsed {
		return nil
	}
	err := os.Remove(filepath.Join(volume(s.State, uuid), holdFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// Flush makes what was saved durable.
func (s Store) Flush() error {
	dir, err := os.Open(s.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return errors.Join(os.NewSyscallError("syncfs", unix.Syncfs(int(dir.Fd()))), dir.Close())
}

func readFile(path string, limit int64) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|unix.O_NOFOLLOW, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit))
}

// begin makes a file that is not there. What a crash leaves of it is no head: see package sealed.
func begin(path string, contents []byte) error {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(contents)
	if err = errors.Join(err, f.Close()); err != nil {
		return errors.Join(err, os.Remove(path))
	}
	return nil
}

// replace puts new contents in the place of a file, of mode 0600; a crash leaves the old or the new.
// The old contents are overwritten before they are let go.
func replace(path string, contents []byte) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	fresh := path + ".new"
	f, err := os.OpenFile(fresh, os.O_WRONLY|os.O_CREATE|os.O_TRUNC|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(contents)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return errors.Join(err, os.Remove(fresh))
	}
	old, err := os.OpenFile(path, os.O_WRONLY|unix.O_NOFOLLOW, 0)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := os.Rename(fresh, path); err != nil {
		return err
	}
	if err := undo.SyncDirectory(dir); err != nil || old == nil {
		return err
	}
	return undo.Overwrite(old)
}
