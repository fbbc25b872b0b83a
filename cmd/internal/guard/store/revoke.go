// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// Revives lists the files that could bring a revoked key of a volume back, and those by which the next state seen
// would not be its first: heads, undo copies, header backups and chains. The volume is known by its key, under
// whatever UUID it was seen. What is of another volume under the UUID stays.
//
// Where nothing tells of which volume something under the UUID is, it is listed: what is lost with it is a way back
// from damage that is not there now, since the header has just been read; what stays would be a key that was revoked.
//
// Chains come last: while one is there, whoever finds the work cut off knows what was revoked.
func (s Store) Revives(ctx context.Context, m identity.Mark) (paths []string, err error) {
	names, err := s.names(m)
	var chains []string
	for _, uuid := range names {
		heads, headsErr := s.heads(uuid)
		copies, copiesErr := s.UndoCopies(uuid)
		paths, chains = slices.Concat(paths, heads, copies), append(chains, existing(s.chains(uuid))...)
		err = errors.Join(err, headsErr, copiesErr)
	}
	backups, backupsErr := s.backups(ctx, m)
	return slices.Concat(paths, backups, chains), errors.Join(err, backupsErr)
}

// Orphans lists the undo copies under a UUID that a volume bore until now, and of which no chain tells whose they
// are: nothing would find them later. They are of no use either, for they go back only where the device shows what
// the repair wrote. Where a clone bears the UUID on, it loses a way back from a repair, which is the lesser loss.
func (s Store) Orphans(m identity.Mark) ([]string, error) {
	if _, err := s.Load(m.UUID); err == nil {
		return nil, nil
	}
	return s.UndoCopies(m.UUID)
}

// PurgeFormer purges what is kept of the volume under other UUIDs, where it was seen on that device.
func (s Store) PurgeFormer(m identity.Mark, device string) error {
	tips, err := s.tips()
	failed := []error{err}
	for _, tip := range tips {
		if tip.UUID != m.UUID && tip.Device == device && identity.SameVolume(tip.Mark, m) {
			failed = append(failed, s.forget(tip.UUID))
		}
	}
	return errors.Join(failed...)
}

// Later is the UUID under which a newer state of the volume was seen: another one, or the same on whatever device; ""
// for none. What a person has settled does not count.
func (s Store) Later(m identity.Mark) string {
	tips, _ := s.tips()
	for _, tip := range tips {
		if tip.elsewhere(m) && header.Newer(tip.SeqID, m.SeqID) {
			return tip.UUID
		}
	}
	for _, path := range s.sightings() {
		last, err := readSighting(path)
		if err == nil && !last.Settled && identity.SameVolume(last.Mark, m) && header.Newer(last.SeqID, m.SeqID) {
			return last.UUID
		}
	}
	return ""
}

// Since tells what was seen of the volume, under whatever UUID and on whatever device, after the state that is kept; ""
// for nothing.
func (s Store) Since(m Memory) string {
	tip, known := m.Chain.Tip()
	since := m.Chain.Since()
	if since != "" || !known {
		return since
	}
	uuid := s.Later(tip.Mark)
	tips, _ := s.tips()
	for _, other := range tips { // states of LUKS1 have no numbers: the later one tells what there was since
		if unnumbered := tip.Version == 1 || other.Version == 1; unnumbered && other.elsewhere(tip.Mark) &&
			other.Time > tip.Time {
			uuid = other.UUID
		}
	}
	if uuid != "" {
		return "a newer state of it, under UUID " + uuid
	}
	return ""
}

// KeptAs is another UUID under which the volume is known; "" for none.
func (s Store) KeptAs(m identity.Mark) string {
	tips, _ := s.tips()
	for _, tip := range tips {
		if tip.UUID != m.UUID && identity.SameVolume(tip.Mark, m) {
			return tip.UUID
		}
	}
	return ""
}

// names are the UUIDs under which something may be kept of the volume.
func (s Store) names(m identity.Mark) (names []string, err error) {
	stranger := false
	tips, err := s.tips()
	for _, tip := range tips {
		switch same := identity.SameVolume(tip.Mark, m); {
		case tip.UUID == m.UUID:
			stranger = !same
		case same:
			names = append(names, tip.UUID)
		}
	}
	if !stranger {
		names = append(names, m.UUID)
	}
	return names, err
}

// tip is the state that was seen last of a volume.
type tip struct {
	identity.Link
	settled bool // a person has said since that a state under another UUID counts
}

// elsewhere tells whether it is a state of the same volume under another UUID, which counts.
func (t tip) elsewhere(m identity.Mark) bool {
	return !t.settled && t.UUID != m.UUID && identity.SameVolume(t.Mark, m)
}

// tips are the states seen last of all volumes.
func (s Store) tips() (list []tip, err error) {
	names, err := s.volumes()
	for _, name := range names {
		last := s.latest(func(root string) (identity.Chain, error) {
			return decodeChain(filepath.Join(volume(root, name), chainFile))
		})
		if link, seen := last.Tip(); seen {
			list = append(list, tip{link, last.Settled})
		}
	}
	return list, err
}

// backups are the header backups of the volume: by their contents or, where there is no header in them, by their
// name.
func (s Store) backups(ctx context.Context, m identity.Mark) (list []string, err error) {
	for _, root := range s.roots() {
		paths, globErr := undo.AllHeaders(root)
		err = errors.Join(err, globErr)
		for _, path := range paths {
			of, readErr := markIn(ctx, path)
			unknown := readErr != nil && strings.HasPrefix(filepath.Base(path), undo.PlainName(m.UUID)+"-")
			if unknown || readErr == nil && identity.SameVolume(of, m) {
				list = append(list, path)
			}
		}
	}
	return list, err
}

func markIn(ctx context.Context, path string) (identity.Mark, error) {
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return identity.Mark{}, err
	}
	defer file.Close()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return identity.Mark{}, err
	}
	return identity.Of(v.View), nil
}

func existing(paths []string) []string {
	return slices.DeleteFunc(paths, func(path string) bool {
		_, err := os.Lstat(path)
		return err != nil
	})
}

// InOrder sorts paths as they are to be destroyed, each once: chains after all that they tell of.
func InOrder(paths []string) []string {
	chain := func(path string) bool { return filepath.Base(path) == chainFile }
	sort.Slice(paths, func(i, j int) bool {
		if a, b := chain(paths[i]), chain(paths[j]); a != b {
			return b
		}
		return paths[i] < paths[j]
	})
	return slices.Compact(paths)
}
