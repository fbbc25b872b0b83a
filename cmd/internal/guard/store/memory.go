// SPDX-License-Identifier: Apache-2.0

package store

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/identity"
	"github.com/orthrus-luks/orthrus/cmd/internal/undo"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/sealed"
)

// Memory is what is remembered of a volume.
type Memory struct {
	Chain identity.Chain
	Head  Head // of the chain's tip
	Kept  bool // there is one
}

var chainMagic = sealed.Magic([]byte("orthrus chain 1\n"))

// maxChain bounds a chain's file, bytes.
const maxChain = 1 << 20

// Load is what is remembered of a volume. fs.ErrNotExist where nothing is that can be read.
func (s Store) Load(uuid string) (Memory, error) {
	var m Memory
	m.Chain = s.latest(func(root string) (identity.Chain, error) { return readChain(root, uuid) })
	tip, seen := m.Chain.Tip()
	if !seen {
		return m, fs.ErrNotExist
	}
	for _, root := range s.roots() {
		h, err := readHead(filepath.Join(volume(root, uuid), headName(tip.Mark)))
		if err == nil && h.UUID == uuid {
			m.Head, m.Kept = h, true
			break
		}
	}
	return m, nil
}

func readChain(root, uuid string) (identity.Chain, error) {
	c, err := decodeChain(filepath.Join(volume(root, uuid), chainFile))
	if tip, seen := c.Tip(); err == nil && seen && tip.UUID != uuid {
		return c, fs.ErrNotExist
	}
	return c, err
}

func decodeChain(path string) (c identity.Chain, err error) {
	p, err := readFile(path, maxChain)
	if err == nil {
		_, err = sealed.Decode(chainMagic, p, &c)
	}
	return c, err
}

// latest is the chain that was written last of those in the roots; without any the zero one. Of two of the same
// time it is the volatile one: see unkept.
func (s Store) latest(read func(root string) (identity.Chain, error)) (last identity.Chain) {
	found := false
	for _, root := range s.roots() {
		if c, err := read(root); err == nil && (!found || !later(last, c)) {
			last, found = c, true
		}
	}
	return last
}

// later: of two directories the one that was written last.
func later(a, b identity.Chain) bool { return lastSeen(a) > lastSeen(b) }

func lastSeen(c identity.Chain) string {
	tip, _ := c.Tip()
	if c.Fork != nil {
		return max(tip.Time, c.Fork.Time)
	}
	return tip.Time
}

func readHead(path string) (Head, error) {
	p, err := readFile(path, MaxHead)
	if err != nil {
		return Head{}, err
	}
	return DecodeHead(p)
}

func headName(m identity.Mark) string {
	return fmt.Sprintf("%s-%020d-%x", headPrefix, m.SeqID, m.Sum[:min(8, len(m.Sum))])
}

// Save remembers a chain, and the head of its tip where there is one, in the directory that does not lie on
// the device. What is kept before is kept on, within the bounds. The first memory of a volume is durable
// with Flush, so that many cost one. A full head goes to no volatile memory: there the areas are left out.
//
// Where that cannot be done, as in a directory that is full or read-only, the chain is remembered in the volatile
// one: what is kept from before does not count as what was seen last then.
func (s Store) Save(c identity.Chain, h *Head, file *luks.File) (root string, err error) {
	if s.Rehearsed {
		return s.State, nil
	}
	root, err = s.apart(file)
	if err != nil {
		return "", err
	}
	if root, err = s.saveIn(root, c, h); err != nil {
		err = errors.Join(err, s.unkept(c))
	}
	return root, err
}

// unkept remembers in the volatile directory that a state was seen of which nothing could be kept.
func (s Store) unkept(c identity.Chain) error {
	tip, seen := c.Tip()
	contents, err := sealed.Encode(chainMagic, c)
	if !seen || err != nil || len(existing(s.chains(tip.UUID))) == 0 { // without one nothing older counts
		return err
	}
	return put(filepath.Join(volume(s.Volatile, tip.UUID), chainFile), contents)
}

func (s Store) saveIn(root string, c identity.Chain, h *Head) (string, error) {
	tip, seen := c.Tip()
	if !seen {
		return root, nil
	}
	if err := errors.Join(s.room(tip.UUID), s.seenOn(tip.Device, tip.UUID)); err != nil {
		return root, err
	}
	if err := s.disown(tip.UUID); err != nil {
		return root, err
	}
	if h != nil {
		if err := s.saveHead(root, *h); err != nil {
			return root, err
		}
	}
	contents, err := sealed.Encode(chainMagic, c)
	if err == nil {
		err = put(filepath.Join(volume(root, tip.UUID), chainFile), contents)
	}
	if err == nil {
		err = errors.Join(s.letGo(root, tip.UUID), s.trim(tip.UUID, headName(tip.Mark)))
	}
	return root, err
}

// disown destroys heads of which no chain tells, as a revocation leaves them that was cut off: nobody knows any more
// what became of their keyslots.
func (s Store) disown(uuid string) error {
	for _, path := range s.chains(uuid) {
		if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
			return nil
		}
	}
	paths, err := s.heads(uuid)
	return errors.Join(err, s.Shred(paths...))
}

func (s Store) saveHead(root string, h Head) error {
	if root == s.Volatile && h.Full {
		h = h.withoutAreas()
	}
	contents, err := h.Encode()
	if err != nil {
		return err
	}
	if err := s.roomFor(len(contents)); err != nil {
		return err
	}
	return put(filepath.Join(volume(root, h.UUID), headName(h.Mark)), contents)
}

// put writes a file that is durable at once where it takes the place of another.
func put(path string, contents []byte) error {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return begin(path, contents)
	}
	return replace(path, contents)
}

// letGo destroys what another directory kept of the volume.
func (s Store) letGo(root, uuid string) error {
	var failed []error
	for _, other := range s.roots() {
		if other == root {
			continue
		}
		heads, err := undo.Files(volume(other, uuid), headPrefix, "")
		failed = append(failed, err)
		for _, path := range append(heads, filepath.Join(volume(other, uuid), chainFile)) {
			failed = append(failed, s.Shred(path))
		}
	}
	return errors.Join(failed...)
}

func (h Head) withoutAreas() Head {
	h.Full = false
	h.Parts = h.Parts[:len(h.Parts)-len(h.Sums)]
	return h
}

// Kept is one head of a volume that is kept.
type Kept struct {
	SeqID uint64 `json:"seqid"`
	Time  string `json:"time"` // when it was seen in order, RFC 3339
	Full  bool   `json:"full"` // with the keyslot areas
	Bytes int64  `json:"bytes"`
	Path  string `json:"path"`
}

// Heads lists the heads that are kept of a volume, the oldest first.
func (s Store) Heads(uuid string) []Kept {
	var list []Kept
	for _, root := range s.roots() {
		paths, _ := filepath.Glob(filepath.Join(volume(root, uuid), headPrefix+"-*"))
		for _, path := range paths {
			h, err := readHead(path)
			info, statErr := os.Lstat(path)
			if err == nil && statErr == nil {
				list = append(list, Kept{h.SeqID, h.Time, h.Full, info.Size(), path})
			}
		}
	}
	sort.Slice(list, func(i, j int) bool { return list[i].Time+list[i].Path < list[j].Time+list[j].Path })
	return list
}

// At is a head that Heads listed.
func (k Kept) At() (Head, error) { return readHead(k.Path) }

// Volumes lists the UUIDs of all volumes that something is remembered of, as far as they can be listed.
func (s Store) Volumes() []string {
	list, _ := s.volumes()
	return list
}

func (s Store) volumes() (list []string, err error) {
	for _, root := range s.roots() {
		paths, listErr := undo.Files(filepath.Join(root, "guard"), "", "")
		err = errors.Join(err, listErr)
		for _, path := range paths {
			if name := filepath.Base(path); !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	slices.Sort(list)
	return list, err
}
