// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"strings"
	"testing"
)

// TestActionsTakeTheOptionsCryptsetupLetsThemTake compares the whole table with what 2.8 accepts:
// each line of the file is an option and the actions that take it, none standing for all.
func TestActionsTakeTheOptionsCryptsetupLetsThemTake(t *testing.T) {
	text, err := os.ReadFile("testdata/allowed.txt")
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{"help": true, "usage": true, "version": true, "test-args": true}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Fields(line)
		spec := findLong(fields[0])
		if spec == nil {
			t.Errorf("--%s is unknown", fields[0])
			continue
		}
		seen[spec.long] = true
		for i := range actions {
			if actions[i].own {
				continue
			}
			want := len(fields) == 1 || contains(fields[1:], string(actions[i].name))
			if got := spec.takenBy(actions[i].name); got != want {
				t.Errorf("--%s with %s: taken %v, cryptsetup says %v", spec.long, actions[i].name, got, want)
			}
		}
	}
	for i := range options {
		if !options[i].own && !seen[options[i].long] {
			t.Errorf("--%s is no option of cryptsetup", options[i].long)
		}
	}
}

func contains(list []string, word string) bool {
	for _, other := range list {
		if other == word {
			return true
		}
	}
	return false
}

func TestTableIsSound(t *testing.T) {
	names := map[string]bool{}
	for i := range options {
		spec := &options[i]
		for _, name := range []string{"--" + spec.long, "-" + string(rune(spec.short))} {
			if name[1] != '-' {
				name += " " + string(spec.shortOf) // a letter may mean something else to one action
			}
			if name[1] != 0 && names[name] {
				t.Errorf("%s stands twice in the table", name)
			}
			names[name] = true
		}
		if spec.isFlag() != (spec.arg == "") {
			t.Errorf("--%s: a flag has no argument name, every other option has one", spec.long)
		}
		if spec.help == "" || spec.given(&Options{}) {
			t.Errorf("--%s: no help text, or given without being given", spec.long)
		}
	}
	for i := range actions {
		for _, alias := range actions[i].aliases {
			if found, _, _ := findAction(alias.name); found != &actions[i] {
				t.Errorf("%s does not lead to %s", alias.name, actions[i].name)
			}
		}
	}
}
