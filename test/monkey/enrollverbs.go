// SPDX-License-Identifier: Apache-2.0

package monkey

import (
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/test/monkey/witness"
)

// enrollVerbs change keyslots together with their tokens.
var enrollVerbs = []verb{
	{"enroll add", 6, false, true, planEnroll},
	{"enroll remove", 6, false, true, planDisenroll},
}

// recoveryType is the type of tokens that only mark what people type.
const recoveryType = "systemd-recovery"

// planEnroll makes a recovery key, which only the program's output tells.
func planEnroll(d *draw) (Action, bool) {
	auth, denied, ok := d.key()
	if !ok || d.s.Version == 1 || len(d.s.Tokens) > 20 {
		return Action{}, false
	}
	name := ""
	return Action{
		Args: d.on("enroll", "add", "--recovery-key", "--key-file", auth), Denied: denied,
		Told: func(w *World, stdout string) error {
			if name = strings.TrimSpace(stdout); name == "" {
				return nil
			}
			w.keys.Add(name)
			return os.WriteFile(w.path(name), []byte(name), 0o600)
		},
		Apply: func(s State) []State {
			if s.Version == 1 || !s.opens(auth) {
				return nil
			}
			next := s.leave("tokens")
			next.Loose = append(next.Loose, Slot{Name: name, Priority: 1, Key: d.w.volumeKey})
			return one(next)
		},
	}, true
}

// planDisenroll removes a keyslot with the tokens that have no other.
func planDisenroll(d *draw) (Action, bool) {
	auth, denied, ok := d.key()
	ids := sortedKeys(d.s.Slots)
	if !ok || d.s.Version == 1 || len(ids) == 0 {
		return Action{}, false
	}
	id, seen := ids[d.IntN(len(ids))], d.seen()
	options := []string{"remove", "--key-file", auth}
	if d.IntN(3) == 0 {
		options, auth, denied = []string{"remove"}, "", false
	}
	forced := d.IntN(3) == 0
	if forced {
		options = append(options, "--without-recovery")
	}
	return Action{
		Args: append(d.on("enroll", options...), strconv.Itoa(id)), Seen: &seen, Denied: denied,
		Victims: []string{d.s.Slots[id].Name},
		Apply: func(s State) []State {
			var list []State
			for _, s := range s.at(id) {
				next := s.disenrolled(id)
				if (auth == "" || next.opens(auth)) && (forced || next.typed()) {
					list = append(list, next)
				}
			}
			return keepsOne(s, seen, list)
		},
	}, true
}

// disenrolled is the state after a keyslot is gone, with the tokens that named no other.
func (s State) disenrolled(id int) State {
	next := s.without(id)
	for t, token := range s.Tokens {
		if slices.Equal(token.Keyslots, []int{id}) {
			delete(next.Tokens, t)
		}
	}
	return next
}

// typed tells whether a person may still open the volume. A damaged keyslot cannot be told from a whole one, and where
// the tokens are anybody's guess, so are their keyslots.
func (s State) typed() bool {
	if len(s.Loose) > 0 || s.Free["tokens"] {
		return true
	}
	for id, slot := range s.Slots {
		other := func(t witness.Token) bool { return t.Type != recoveryType && slices.Contains(t.Keyslots, id) }
		held := false
		for _, t := range s.Tokens {
			held = held || other(t)
		}
		if (!slot.Unbound || slot.Name == "") && slot.Priority > 0 && !held {
			return true
		}
	}
	return false
}
