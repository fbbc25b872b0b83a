// SPDX-License-Identifier: Apache-2.0

package store

import (
	"bytes"
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

// Entry is one thing that happened to a volume.
type Entry struct {
	_ [0]func() // no comparison is made of it

	Time   string `json:"time"` // RFC 3339
	Device string `json:"device"`
	What   string `json:"what"` // one word: see the constants
	SeqID  uint64 `json:"seqid"`
	Text   string `json:"text"`
	Undo   string `json:"undo,omitempty"` // undo copy of what was overwritten
}

// What can happen.
const (
	Seen     = "seen"     // a head that is new to the store, in order
	Damaged  = "damaged"  // found, not mended
	Lost     = "lost"     // no valid head is left
	Repaired = "repaired" // one copy from the other
	Restored = "restored" // both copies from the store, or from the far header
	Revoked  = "revoked"  // something that opened the volume no longer does: the store was purged
	Resumed  = "resumed"  // an unfinished transaction was concluded
	Grown    = "grown"    // the volume, or its mapping, follows the device
	Shrunk   = "shrunk"   // the device is smaller than the volume
	Synced   = "synced"   // the far header was brought up to date
	Removed  = "removed"  // pulled out under a mapping
	Undone   = "undone"   // a repair was taken back
	// Rehearsed is what would have been done under repair = proven.
	Rehearsed = "rehearsed"
	Doubted   = "doubted"  // a state that does not continue what was seen: nothing is written until a person decides
	Accepted  = "accepted" // a person has said that this state counts
	Dropped   = "dropped"  // a keyslot is gone, on another device than before: what is kept stays
	Failed    = "failed"   // a write that did not succeed
)

// Now is the time as entries have it.
func Now() string { return time.Now().UTC().Format(time.RFC3339) }

// maxHistory bounds a volume's history, bytes; then the older half goes.
const maxHistory = 256 << 10

// Note adds an entry to a volume's history.
func (s Store) Note(uuid string, e Entry) error {
	if s.Rehearsed {
		return nil
	}
	line, err := json.Marshal(e)
	if err != nil {
		return err
	}
	path := filepath.Join(volume(s.State, uuid), historyFile)
	if err := s.room(uuid); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(append(line, '\n'))
	info, statErr := f.Stat()
	if err := errors.Join(err, statErr, f.Close()); err != nil {
		return err
	}
	if info.Size() <= maxHistory {
		return nil
	}
	return halve(path)
}

func halve(path string) error {
	p, err := readFile(path, 2*maxHistory)
	if err != nil {
		return err
	}
	half := p[len(p)/2:]
	if i := bytes.IndexByte(half, '\n'); i >= 0 {
		half = half[i+1:]
	}
	return replace(path, half)
}

// History lists what happened to a volume, oldest first. Lines that a crash cut off are left out. The
// error is fs.ErrNotExist where the volume is not known.
func (s Store) History(uuid string) ([]Entry, error) {
	p, err := readFile(filepath.Join(volume(s.State, uuid), historyFile), 2*maxHistory)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fs.ErrNotExist
	}
	if err != nil {
		return nil, err
	}
	var list []Entry
	for line := range bytes.Lines(p) {
		var e Entry
		if json.Unmarshal(line, &e) == nil {
			list = append(list, e)
		}
	}
	return list, nil
}
