// SPDX-License-Identifier: Apache-2.0

package store

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/luks/sealed"
)

var sightingMagic = sealed.Magic([]byte("orthrus seen  1\n"))

// maxSighting bounds the file of a sighting, bytes.
const maxSighting = 64 << 10

// seen is the record of what was seen last on a device.
type seen struct {
	identity.Mark
	// Settled: a person has said since that another state counts. What was seen counts on this device alone then.
	Settled bool `json:"settled,omitempty"`
}

// sighting is the file of what was seen on a device.
func sighting(root, device string) string {
	sum := sha256.Sum256([]byte(device))
	return filepath.Join(root, "seen", hex.EncodeToString(sum[:16]))
}

// Sighted is the state that was seen last on a device of that lasting name; false where none was. Unlike a chain it
// tells nothing of what counts: only what lay there, valid, whoever else bore the UUID and whatever was kept.
func (s Store) Sighted(device string) (identity.Mark, bool) {
	for _, root := range []string{s.Volatile, s.State} { // the volatile one is written where the other cannot be
		if root == "" || device == "" {
			continue
		}
		if last, err := readSighting(sighting(root, device)); err == nil {
			return last.Mark, true
		}
	}
	return identity.Mark{}, false
}

// Sight remembers that a state was seen on a device, before anything else is remembered of it.
func (s Store) Sight(device string, m identity.Mark) error {
	if s.Rehearsed || device == "" {
		return nil
	}
	contents, err := sealed.Encode(sightingMagic, seen{Mark: m})
	if err != nil {
		return err
	}
	if err := put(sighting(s.State, device), contents); err != nil {
		return errors.Join(err, put(sighting(s.Volatile, device), contents))
	}
	if err := os.Remove(sighting(s.Volatile, device)); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// sightings are the files of the states that were seen last on all devices.
func (s Store) sightings() (paths []string) {
	for _, root := range s.roots() {
		files, _ := filepath.Glob(filepath.Join(root, "seen", "*"))
		paths = append(paths, files...)
	}
	return paths
}

func readSighting(path string) (last seen, err error) {
	p, err := readFile(path, maxSighting)
	if err == nil {
		_, err = sealed.Decode(sightingMagic, p, &last)
	}
	return last, err
}

// Settle lets all states in which a volume was seen, under whatever UUID, count on their own devices alone, as a person
// has said that this one counts.
func (s Store) Settle(m identity.Mark) error {
	if s.Rehearsed {
		return nil
	}
	same := func(o identity.Mark) bool { return o.UUID == m.UUID || identity.SameVolume(o, m) }
	failed := []error{s.eachSighting(same, func(path string, last seen) error {
		last.Settled = true
		contents, err := sealed.Encode(sightingMagic, last)
		if err != nil {
			return err
		}
		return put(path, contents)
	})}
	names, err := s.volumes()
	failed = append(failed, err)
	for _, name := range names {
		if name != m.UUID {
			failed = append(failed, s.settleChains(name, same))
		}
	}
	return errors.Join(failed...)
}

func (s Store) settleChains(uuid string, same func(identity.Mark) bool) error {
	var failed []error
	for _, path := range existing(s.chains(uuid)) {
		c, err := decodeChain(path)
		tip, known := c.Tip()
		if err != nil || !known || !same(tip.Mark) {
			continue
		}
		c.Settled = true
		contents, err := sealed.Encode(chainMagic, c)
		if err == nil {
			err = put(path, contents)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

// Unsee forgets where a volume was seen, and in which states.
func (s Store) Unsee(uuid string) error {
	of := func(m identity.Mark) bool { return m.UUID == uuid }
	return s.eachSighting(of, func(path string, _ seen) error { return os.Remove(path) })
}

func (s Store) eachSighting(of func(identity.Mark) bool, do func(path string, last seen) error) error {
	if s.Rehearsed {
		return nil
	}
	var failed []error
	for _, path := range s.sightings() {
		if last, err := readSighting(path); err == nil && of(last.Mark) {
			failed = append(failed, do(path, last))
		}
	}
	return errors.Join(failed...)
}
