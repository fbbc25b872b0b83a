// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
)

// Action is one command line, and what it may do.
type Action struct {
	Args []string
	File [2]string // name and contents of a file that it reads, or none
	// Apply tells which states it may leave when it succeeds on a state; none where it must not succeed.
	Apply func(s State) []State
	// Seen is how many passphrases opened when it began; where it was the last one, -q says that it may go.
	Seen *int
	// Denied: it gives a passphrase that opens nothing, and must exit with 2.
	Denied bool
	// Reads: it writes nothing.
	Reads bool
	// Ends: where it is cut off there need be no volume.
	Ends bool
	// Many: it takes more than one commit, and where it is killed it may stop between them.
	Many bool
	// Victims are the passphrases that it takes away.
	Victims []string
	// Told gets its standard output, before anything is judged; nil where that does not matter.
	Told func(w *World, stdout string) error
	// Done is told of its success.
	Done func(w *World) error
	// Sane: nothing but want of room is a reason to refuse.
	Sane bool
}

// verb makes actions.
type verb struct {
	name   string
	weight int
	peers  bool // cryptsetup has it
	races  bool
	plan   func(d *draw) (Action, bool) // false where it has no meaning in this state
}

// draw is what a verb draws from.
type draw struct {
	*rand.Rand
	w    *World
	s    State
	ours bool
	// later: it follows another command line, and who knows how many keys it finds.
	later bool
}

// seen is how many passphrases open when the command begins.
func (d *draw) seen() int {
	if d.later {
		return 1
	}
	return d.s.openers()
}

var costs = []string{"--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}

// on is a command line about the volume.
func (d *draw) on(verb string, options ...string) []string {
	args := append([]string{verb, "-q"}, options...)
	if d.w.geo.Detached {
		args = append(args, "--header", d.w.headerFile())
	}
	return append(args, image)
}

// onHeader is on for verbs that take the header's device alone.
func (d *draw) onHeader(words ...string) []string { return append(words, d.w.headerFile()) }

// key draws a passphrase that opens the data. Rarely it is one that does not: then denied is true.
func (d *draw) key() (name string, denied, ok bool) {
	if gone := d.w.goneNames(d.s); len(gone) > 0 && d.IntN(8) == 0 {
		return gone[d.IntN(len(gone))], true, true
	}
	var names []string
	for _, id := range d.s.bound() {
		if d.s.Slots[id].Priority > 0 {
			names = append(names, d.s.Slots[id].Name)
		}
	}
	if len(names) == 0 {
		return "", false, false
	}
	return names[d.IntN(len(names))], false, true
}

// fresh draws a passphrase to come: mostly a new one.
func (d *draw) fresh() string {
	if gone := d.w.goneNames(d.s); len(gone) > 0 && d.IntN(12) == 0 {
		return gone[d.IntN(len(gone))]
	}
	return d.w.newKey()
}

func one(s State) []State { return []State{s} }

// keyVerbs change who can open the volume.
var keyVerbs = []verb{
	{"luksAddKey", 14, true, true, planAdd},
	{"luksAddKey --unbound", 3, true, true, planAddUnbound},
	{"luksChangeKey", 14, true, true, planChange},
	{"luksConvertKey", 5, true, true, planConvertKey},
	{"luksRemoveKey", 9, true, true, planRemove},
	{"luksKillSlot", 9, true, true, planKill},
	{"erase", 1, true, true, planErase},
}

func planAdd(d *draw) (Action, bool) {
	auth, denied, ok := d.key()
	if !ok {
		return Action{}, false
	}
	name := d.fresh()
	options := append([]string{"--key-file", auth}, costs...)
	slot := -1
	if d.IntN(4) == 0 {
		slot = d.IntN(8)
		options = append(options, "--key-slot", strconv.Itoa(slot))
	}
	apply := func(s State) []State {
		if !s.opens(auth) || has(s, slot) {
			return nil
		}
		next, added := s.clone(), Slot{Name: name, Priority: 1, Key: d.w.volumeKey}
		if slot >= 0 {
			next.Slots[slot] = added
		} else {
			next.Loose = append(next.Loose, added)
		}
		return one(next)
	}
	return Action{Args: append(d.on("luksAddKey", options...), name), Apply: apply, Denied: denied && !has(d.s,
		slot)}, true
}

func has(s State, slot int) bool {
	_, there := s.Slots[slot]
	return there
}

func planAddUnbound(d *draw) (Action, bool) {
	name := d.fresh()
	args := d.on("luksAddKey", append([]string{"--unbound", "--key-size", "256"}, costs...)...)
	return Action{Args: append(args, name), Apply: func(s State) []State {
		if s.Version == 1 {
			return nil
		}
		next := s.clone()
		next.Loose = append(next.Loose, Slot{Name: name, Unbound: true, Priority: 1})
		return one(next)
	}}, true
}

func planChange(d *draw) (Action, bool) {
	old, denied, ok := d.key()
	if !ok {
		return Action{}, false
	}
	name := d.fresh()
	return Action{
		Args: append(d.on("luksChangeKey", append([]string{"--key-file", old}, costs...)...), name),
		Apply: func(s State) []State {
			return d.replaced(s, old,
				name)
		}, Denied: denied, Victims: []string{old}, Many: !d.ours,
	}, true
}

// replaced are the states in which one keyslot of a passphrase has another one. Cryptsetup forgets its priority.
func (d *draw) replaced(s State, old, name string) []State {
	var list []State
	for _, id := range s.slotsOf(old) {
		slot := s.Slots[id]
		if slot.Unbound {
			continue
		}
		next := s.clone()
		slot.Name, slot.Any = name, !d.ours
		if next.Slots[id] = slot; s.Version == 1 {
			delete(next.Slots, id)
			next.Loose = append(next.Loose, slot)
		}
		list = append(list, next)
	}
	for i, slot := range s.Loose {
		if slot.Name == old && !slot.Unbound {
			next := s.clone()
			next.Loose[i].Name = name
			list = append(list, next)
		}
	}
	return list
}

func planConvertKey(d *draw) (Action, bool) {
	key, denied, ok := d.key()
	if !ok || d.s.Version == 1 {
		return Action{}, false
	}
	options := []string{
		"--key-file", key, "--pbkdf", "pbkdf2", "--pbkdf-force-iterations",
		strconv.Itoa(1000 + 100*d.IntN(5)), "--hash", pick(d.Rand, "sha256", "sha512"),
	}
	return Action{
		Args: d.on("luksConvertKey", options...), Apply: func(s State) []State {
			return d.replaced(s, key,
				key)
		}, Denied: denied, Many: !d.ours,
	}, true
}

func planRemove(d *draw) (Action, bool) {
	key, denied, ok := d.key()
	names := d.s.names()
	if !ok {
		return Action{}, false
	}
	if !denied && len(names) > 0 && d.IntN(3) == 0 {
		key = names[d.IntN(len(names))]
	}
	if d.s.openers() == 1 && d.IntN(4) > 0 {
		return Action{}, false
	}
	seen := d.seen()
	return Action{
		Args: append(d.on("luksRemoveKey"), key), Seen: &seen, Denied: denied, Victims: []string{key},
		Apply: func(s State) []State {
			var list []State
			for _, id := range s.slotsOf(key) {
				list = append(list, s.without(id))
			}
			for i, slot := range s.Loose {
				if slot.Name == key {
					next := s.clone()
					next.Loose = append(next.Loose[:i:i], next.Loose[i+1:]...)
					list = append(list, next)
				}
			}
			return keepsOne(s, seen, list)
		},
	}, true
}

// keepsOne are the states that still open: a command that saw more than one key when it began must not take
// the last one.
func keepsOne(was State, seen int, list []State) []State {
	var kept []State
	for _, s := range list {
		if s.openers() > 0 || seen <= 1 || was.openers() == 0 {
			kept = append(kept, s)
		}
	}
	return kept
}

func planKill(d *draw) (Action, bool) {
	auth, denied, ok := d.key()
	if !ok || len(d.s.Slots) == 0 || d.s.openers() == 1 && d.IntN(4) > 0 {
		return Action{}, false
	}
	ids := sortedKeys(d.s.Slots)
	id := ids[d.IntN(len(ids))]
	options := []string{"--key-file", auth}
	if d.IntN(3) == 0 {
		options, auth, denied = nil, "", false
	}
	seen := d.seen()
	if of := d.s.slotsOf(auth); len(of) == 1 && of[0] == id {
		// Its own passphrase is taken only where it finds no other one.
		seen = 1
	}
	victim := d.s.Slots[id]
	others := len(d.s.bound()) > 1 || victim.Unbound || victim.Name == ""
	return Action{
		Args: append(d.on("luksKillSlot", options...), strconv.Itoa(id)), Seen: &seen, Denied: denied &&
			others, Victims: []string{victim.Name},
		Apply: func(s State) []State {
			var list []State
			for _, s := range s.at(id) {
				next := s.without(id)
				if auth == "" || next.opens(auth) || s.openers() == 1 && s.opens(auth) {
					list = append(list, next)
				}
			}
			return keepsOne(s, seen, list)
		},
	}, true
}

func planErase(d *draw) (Action, bool) {
	if d.IntN(3) > 0 {
		return Action{}, false
	}
	return Action{Args: d.on("erase"), Many: true, Victims: d.s.names(), Apply: func(s State) []State {
		all, bound := s.clone(), s.clone()
		all.Loose = nil
		bound.Loose = slices.DeleteFunc(bound.Loose, func(slot Slot) bool { return !slot.Unbound })
		for id, slot := range s.Slots {
			all = all.without(id)
			if !slot.Unbound {
				bound = bound.without(id)
			}
		}
		all, bound = all.leave("far header", "data size", "digest"), bound.leave("far header", "data size", "digest")
		return []State{all, bound}
	}}, true
}

// settingVerbs change how the volume is to be used.
var settingVerbs = []verb{
	{"config", 5, true, true, planConfig},
	{"config --priority", 3, true, true, planPriority},
	{"token import", 3, true, true, planTokenImport},
	{"token add", 3, true, true, planTokenAdd},
	{"token remove", 3, true, true, planTokenRemove},
	{"token unassign", 2, true, true, planTokenUnassign},
	{"luksUUID", 2, true, true, planUUID},
}

func planConfig(d *draw) (Action, bool) {
	if d.s.Version == 1 {
		return Action{}, false
	}
	label, subsystem := fmt.Sprintf("l%d", d.IntN(100)), fmt.Sprintf("s%d", d.IntN(100))
	return Action{Args: d.on("config", "--label", label, "--subsystem", subsystem), Apply: func(s State) []State {
		next := s.clone()
		next.Label, next.Subsystem = label, subsystem
		return one(next)
	}}, true
}

func planPriority(d *draw) (Action, bool) {
	ids := sortedKeys(d.s.Slots)
	if d.s.Version == 1 || len(ids) == 0 {
		return Action{}, false
	}
	id, word := ids[d.IntN(len(ids))], pick(d.Rand, "normal", "prefer", "ignore")
	if word == "ignore" && d.s.openers() < 3 {
		word = "prefer"
	}
	priority := map[string]int{"normal": 1, "prefer": 2, "ignore": 0}[word]
	return Action{
		Args: d.on("config", "--priority", word, "--key-slot", strconv.Itoa(id)),
		Apply: func(s State) []State {
			list := s.at(id)
			for _, next := range list {
				slot := next.Slots[id]
				slot.Priority = priority
				next.Slots[id] = slot
			}
			return list
		},
	}, true
}

func planTokenImport(d *draw) (Action, bool) {
	if d.s.Version == 1 || len(d.s.Tokens) > 20 {
		return Action{}, false
	}
	text := fmt.Sprintf(`{"type":"monkey","keyslots":[],"n":"%d"}`, d.IntN(1e9))
	return Action{
		File: [2]string{"token.json", text}, Args: d.on("token", "--json-file", "token.json", "import"),
		Apply: anyToken,
	}, true
}

// anyToken is a state with one token more, whichever it is.
func anyToken(s State) []State {
	if s.Version == 1 {
		return nil
	}
	return one(s.leave("tokens"))
}

func planTokenAdd(d *draw) (Action, bool) {
	ids := sortedKeys(d.s.Slots)
	if d.s.Version == 1 || len(ids) == 0 || len(d.s.Tokens) > 20 {
		return Action{}, false
	}
	id := ids[d.IntN(len(ids))]
	args := d.on("token", "--key-description", fmt.Sprintf("monkey%d", d.IntN(1e6)), "--key-slot", strconv.Itoa(id),
		"add")
	return Action{Args: args, Apply: func(s State) []State {
		if len(s.at(id)) == 0 {
			return nil
		}
		return anyToken(s)
	}}, true
}

func planTokenRemove(d *draw) (Action, bool) {
	ids := sortedKeys(d.s.Tokens)
	if d.s.Version == 1 || len(ids) == 0 {
		return Action{}, false
	}
	id := ids[d.IntN(len(ids))]
	return Action{Args: d.on("token", "--token-id", strconv.Itoa(id), "remove"), Apply: func(s State) []State {
		if _, there := s.Tokens[id]; !there && !s.Free["tokens"] {
			return nil
		}
		next := s.clone()
		delete(next.Tokens, id)
		return one(next)
	}}, true
}

func planTokenUnassign(d *draw) (Action, bool) {
	for _, id := range sortedKeys(d.s.Tokens) {
		if t := d.s.Tokens[id]; len(t.Keyslots) > 0 {
			args := d.on("token", "--token-id", strconv.Itoa(id), "--key-slot", strconv.Itoa(t.Keyslots[0]), "unassign")
			return Action{Args: args, Apply: func(s State) []State {
				next := s.clone()
				t, there := next.Tokens[id]
				if !there && s.Free["tokens"] {
					return one(next)
				}
				if !there {
					return nil
				}
				t.Keyslots = nil
				for _, k := range s.Tokens[id].Keyslots {
					if k != d.s.Tokens[id].Keyslots[0] {
						t.Keyslots = append(t.Keyslots, k)
					}
				}
				next.Tokens[id] = t
				return one(next)
			}}, true
		}
	}
	return Action{}, false
}

func planUUID(d *draw) (Action, bool) {
	uuid := fmt.Sprintf("%08x-0000-4000-8000-%012x", d.Uint32(), d.Int64N(1<<40))
	return Action{Args: d.on("luksUUID", "--uuid", uuid), Apply: func(s State) []State {
		next := s.clone()
		next.UUID = uuid
		return one(next)
	}}, true
}
