// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"fmt"
	"maps"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/test/monkey/witness"
)

// Slot is a keyslot of the model.
type Slot struct {
	Name     string // the passphrase that opens it; empty where none does
	Was      string // the passphrase that opened it before damage
	Unbound  bool
	Priority int
	Key      string // what is inside
	Any      bool   // a wish: whatever the priority
}

// State is what a volume is to those who use it. Verbs are functions of it.
type State struct {
	Version                int
	UUID, Label, Subsystem string
	Slots                  map[int]Slot
	Loose                  []Slot // keyslots whose number is left to the program
	Tokens                 map[int]witness.Token
	Flags                  string
	Header, Keyslots       int64 // sizes of the metadata area, bytes
	Offset, Size           int64 // of the data, bytes
	Cipher                 string
	Sector                 int64
	Digest                 string
	Far                    bool

	// Free are the fields that a verb may leave as it likes.
	Free map[string]bool
}

// stateOf is what one copy says.
func stateOf(v *witness.View) State {
	s := State{
		Version: v.Version, UUID: v.UUID, Label: v.Label, Subsystem: v.Subsystem, Slots: map[int]Slot{},
		Tokens: map[int]witness.Token{},
		Flags:  v.Flags, Header: v.HeaderSize, Keyslots: v.KeyslotsSize, Offset: v.DataOffset, Size: v.DataSize,
		Cipher: v.Cipher,
		Sector: v.Sector, Digest: v.Digest,
	}
	for id, slot := range v.Slots {
		s.Slots[id] = Slot{Name: slot.Name, Unbound: slot.Unbound, Priority: slot.Priority, Key: slot.Key}
	}
	for id, t := range v.Tokens {
		if t.Type == witness.FarTokenType {
			s.Far = true
		} else {
			s.Tokens[id] = t
		}
	}
	return s
}

// clone is a copy that can be changed.
func (s State) clone() State {
	s.Slots, s.Tokens, s.Loose, s.Free = maps.Clone(s.Slots), maps.Clone(s.Tokens), slices.Clone(s.Loose), maps.Clone(s.Free)
	if s.Free == nil {
		s.Free = map[string]bool{}
	}
	return s
}

// leave is the state with fields that do not count.
func (s State) leave(fields ...string) State {
	s = s.clone()
	for _, f := range fields {
		s.Free[f] = true
	}
	return s
}

// bound lists the numbers of keyslots that open the data, in ascending order.
func (s State) bound() []int {
	var ids []int
	for id, slot := range s.Slots {
		if slot.Name != "" && !slot.Unbound {
			ids = append(ids, id)
		}
	}
	sort.Ints(ids)
	return ids
}

// openers counts the keyslots that open the data.
func (s State) openers() int {
	n := len(s.bound())
	for _, slot := range s.Loose {
		if !slot.Unbound {
			n++
		}
	}
	return n
}

// opens tells whether a passphrase opens the data.
func (s State) opens(name string) bool {
	for _, slot := range s.all() {
		if slot.Name == name && !slot.Unbound {
			return true
		}
	}
	return false
}

// has tells whether a passphrase opens anything.
func (s State) has(name string) bool {
	return slices.ContainsFunc(s.all(), func(slot Slot) bool { return slot.Name == name })
}

func (s State) all() []Slot { return append(slices.Collect(maps.Values(s.Slots)), s.Loose...) }

// names lists the passphrases that open anything.
func (s State) names() []string {
	var list []string
	for _, slot := range s.all() {
		if slot.Name != "" {
			list = append(list, slot.Name)
		}
	}
	sort.Strings(list)
	return slices.Compact(list)
}

// slotsOf lists the keyslots that a passphrase opens.
func (s State) slotsOf(name string) []int {
	var ids []int
	for id, slot := range s.Slots {
		if slot.Name == name {
			ids = append(ids, id)
		}
	}
	sort.Ints(ids)
	return ids
}

// at are the states in which there is a keyslot of a number: one that was left to the program may have it.
func (s State) at(id int) []State {
	if has(s, id) {
		return one(s.clone())
	}
	var list []State
	for i, slot := range s.Loose {
		next := s.clone()
		next.Loose = slices.Delete(next.Loose, i, i+1)
		next.Slots[id] = slot
		list = append(list, next)
	}
	return list
}

// without is the state after a keyslot is gone, its place in tokens too.
func (s State) without(id int) State {
	s = s.clone()
	delete(s.Slots, id)
	for t, token := range s.Tokens {
		token.Keyslots = slices.DeleteFunc(slices.Clone(token.Keyslots), func(k int) bool { return k == id })
		s.Tokens[t] = token
	}
	return s
}

// differs tells in what a state is not the one that was wanted; empty where it is.
func (s State) differs(want State) string {
	check := []struct {
		field     string
		got, want any
	}{
		{"version", s.Version, want.Version},
		{"uuid", s.UUID, want.UUID},
		{"label", s.Label, want.Label},
		{"subsystem", s.Subsystem, want.Subsystem},
		{"flags", s.Flags, want.Flags},
		{"metadata size", s.Header, want.Header},
		{"keyslots size", s.Keyslots, want.Keyslots},
		{"data offset", s.Offset, want.Offset},
		{"data size", s.Size, want.Size},
		{"cipher", s.Cipher, want.Cipher},
		{"sector size", s.Sector, want.Sector},
		{"digest", s.Digest, want.Digest},
		{"far header", s.Far, want.Far},
		{"tokens", tokenText(s.Tokens), tokenText(want.Tokens)},
	}
	for _, c := range check {
		if c.got != c.want && !want.Free[c.field] {
			return fmt.Sprintf("%s: %v, not %v", c.field, c.got, c.want)
		}
	}
	return s.slotsDiffer(want)
}

func tokenText(tokens map[int]witness.Token) string {
	text := ""
	for _, id := range slices.Sorted(maps.Keys(tokens)) {
		text += fmt.Sprintf("%d %v; ", id, tokens[id])
	}
	return text
}

func (s State) slotsDiffer(want State) string {
	left := maps.Clone(s.Slots)
	for _, id := range slices.Sorted(maps.Keys(want.Slots)) {
		got, there := left[id]
		w := want.Slots[id]
		switch {
		case !there && w.Name != "":
			return fmt.Sprintf("keyslot %d (%s) is gone", id, w.Name)
		case !there:
			continue
		case !got.is(w):
			return fmt.Sprintf("keyslot %d: %s, not %s", id, got, w)
		}
		delete(left, id)
	}
	for _, w := range want.Loose {
		id := -1
		for i, got := range left {
			if got.is(w) {
				id = i
			}
		}
		if id < 0 {
			return "there is no keyslot " + w.String()
		}
		delete(left, id)
	}
	for id, slot := range left {
		return fmt.Sprintf("keyslot %d: %s, and it should not be there", id, slot)
	}
	return ""
}

// is tells whether a keyslot is the one that was wanted; a damaged one may be whole again.
func (s Slot) is(want Slot) bool {
	named := s.Name == want.Name || want.Name == "" && s.Name == want.Was
	return named && s.Unbound == want.Unbound && (s.Priority == want.Priority || want.Any) && (want.Key == "" ||
		s.Name == "" || s.Key == want.Key)
}

func (s Slot) String() string {
	text := s.Name
	if text == "" {
		text = "dead (was " + s.Was + ")"
	}
	if s.Unbound {
		text += " unbound"
	}
	if s.Priority != 1 {
		text += fmt.Sprintf(" priority %d", s.Priority)
	}
	return text
}

// Text is the state in a line.
func (s State) Text() string {
	text := fmt.Sprintf("luks%d", s.Version)
	for _, id := range slices.Sorted(maps.Keys(s.Slots)) {
		text += fmt.Sprintf(" %d:%s", id, s.Slots[id])
	}
	return text
}
