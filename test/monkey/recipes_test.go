// SPDX-License-Identifier: Apache-2.0

package monkey

import "testing"

// seeds is how many seeds of each recipe are played.
const seeds = 1

// recipes are products that once lost something: each is shorter than what is drawn, so that it is always tried.
var recipes = map[string]struct {
	shape Geometry
	steps []Step // Kill -1: at each point in turn
}{
	"a key change in a full area, with a far header": {
		Geometry{Version: 2, Device: 24 * mib, Keyslots: 2 * 131072, KeyBits: 256, Far: true},
		[]Step{{Verb: "luksAddKey"}, {Verb: "luksChangeKey"}, {Verb: "luksChangeKey"}, {Verb: "luksRemoveKey"}},
	},
	"a key change in an area that a resize filled, with a far header": {
		Geometry{Version: 2, Device: 24 * mib, Keyslots: 512 * kib, KeyBits: 256, Far: true},
		[]Step{
			{Verb: "header resize"},
			{Verb: "luksAddKey"},
			{Verb: "luksAddKey"},
			{Verb: "luksAddKey"},
			{Verb: "luksChangeKey"},
			{Verb: "luksChangeKey"},
		},
	},
	"a key change on a short detached header": {
		Geometry{
			Version: 2, Device: 24 * mib, Keyslots: 2 * 131072, KeyBits: 256, Detached: true, Header: 2 * mib,
			Offset: 1024 * mib,
		},
		[]Step{{Verb: "luksAddKey"}, {Verb: "luksChangeKey"}, {Verb: "luksConvertKey"}},
	},
	"there and back on a short detached header": {
		Geometry{
			Version: 2, Device: 24 * mib, Keyslots: 2 * mib, KeyBits: 256, Sector: 512, Detached: true,
			Header: 4 * mib, Offset: 1024 * mib,
		},
		[]Step{{Verb: "convert"}, {Verb: "convert"}, {Verb: "luksAddKey"}},
	},
	"a backup of a smaller metadata area, and a restore that is cut off": {
		Geometry{Version: 2, Device: 24 * mib, Keyslots: 2 * mib, KeyBits: 256},
		[]Step{{Verb: "luksAddKey"}, {Verb: "luksHeaderBackup"}, {Verb: "header resize"}, {
			Verb: "luksHeaderRestore",
			Kill: -1,
		}, {Verb: "repair"}},
	},
	"a detour that is cut off": {
		Geometry{Version: 2, Device: 24 * mib, Keyslots: 2 * 131072, KeyBits: 256, Offset: 8 * mib},
		[]Step{{Verb: "luksAddKey"}, {Verb: "luksChangeKey", Kill: -1}, {Verb: "repair"}, {Verb: "luksChangeKey"}},
	},
	"a detour that is cut off, with a far header": {
		Geometry{Version: 2, Device: 24 * mib, Keyslots: 2 * 131072, KeyBits: 256, Offset: 8 * mib, Far: true},
		[]Step{
			{Verb: "luksAddKey"},
			{Verb: "luksChangeKey", Kill: -1},
			{Verb: "repair"},
			{Verb: "far sync"},
			{Verb: "luksChangeKey"},
		},
	},
}

// killPoints are the writes and syncs at which a recipe's program is killed.
var killPoints = []int{1, 2, 3, 5}

// TestRecipes plays each with some seeds.
func TestRecipes(t *testing.T) {
	r := runner(t)
	for name, recipe := range recipes {
		t.Run(name, func(t *testing.T) {
			shape := recipe.shape.fitted()
			for seed := range uint64(seeds) {
				for _, at := range pointsOf(recipe.steps) {
					q := Sequence{Seed: seed, Shape: shape}
					for i, s := range recipe.steps {
						s.Seed = seed*100 + uint64(i)
						if s.Kill != 0 {
							s.Kill = at
						}
						q.Steps = append(q.Steps, s)
					}
					f, err := r.Play(q)
					if err != nil {
						t.Fatal(err)
					}
					if f != nil {
						t.Fatalf("%s: %s\n%s", f.Verb, f.Text, Script(f))
					}
				}
			}
		})
	}
}

func pointsOf(steps []Step) []int {
	for _, s := range steps {
		if s.Kill != 0 {
			return killPoints
		}
	}
	return []int{0}
}
