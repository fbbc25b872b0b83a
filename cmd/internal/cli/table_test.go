// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

// TestActionsTakeTheOptionsCryptsetupLetsThemTake compares all declarations with what 2.8 accepts:
// each line of the file is an option and the actions that take it, none standing for all.
func TestActionsTakeTheOptionsCryptsetupLetsThemTake(t *testing.T) {
	text, err := os.ReadFile("testdata/allowed.txt")
	if err != nil {
		t.Fatal(err)
	}
	options := map[string]cli.OptionDoc{}
	for _, o := range cli.Documented(verbs()) {
		options[o.Long] = o
	}
	seen := map[string]bool{"help": true, "usage": true, "version": true, "test-args": true}
	for _, line := range strings.Split(strings.TrimSpace(string(text)), "\n") {
		fields := strings.Fields(line)
		o, known := options[fields[0]]
		if !known {
			t.Errorf("--%s is unknown", fields[0])
			continue
		}
		seen[o.Long] = true
		for _, v := range verbs() {
			want := len(fields) == 1 || slices.Contains(fields[1:], string(v.Name))
			if got := o.All || slices.Contains(o.Only, v.Name); !v.Own && got != want {
				t.Errorf("--%s with %s: taken %v, cryptsetup says %v", o.Long, v.Name, got, want)
			}
		}
	}
	for name, o := range options {
		if !o.IsOwn() && !seen[name] {
			t.Errorf("--%s is no option of cryptsetup", name)
		}
	}
}

func TestOptionsAreDeclaredSoundly(t *testing.T) {
	names := map[string]bool{}
	for _, o := range cli.Documented(verbs()) {
		spellings := []string{"--" + o.Long}
		if o.Short != 0 { // a letter may mean something else to one action
			spellings = append(spellings, "-"+string(rune(o.Short))+" "+string(o.ShortOf))
		}
		for _, name := range spellings {
			if names[name] {
				t.Errorf("%s is declared twice", name)
			}
			names[name] = true
		}
		if o.IsFlag() != (o.Arg == "") {
			t.Errorf("--%s: a flag has no argument name, every other option has one", o.Long)
		}
		if o.Help == "" || !o.All && len(o.Only) == 0 {
			t.Errorf("--%s: no help text, or no action takes it", o.Long)
		}
	}
}

func TestVerbsAreDeclaredSoundly(t *testing.T) {
	common := map[string]bool{}
	for _, o := range cli.Documented(nil) {
		common[o.Long] = true
	}
	names := map[string]bool{}
	for _, v := range verbs() {
		for _, name := range v.Spellings() {
			if folded := strings.ToLower(name); names[folded] {
				t.Errorf("%s means two actions", name)
			} else {
				names[folded] = true
			}
		}
		for _, name := range strings.Fields(v.Takes) {
			if !common[name] {
				t.Errorf("%s takes --%s, which is no common option", v.Name, name)
			}
		}
		if !slices.Contains(groups, v.Group) || v.Summary == "" || strings.HasSuffix(v.Summary, ".") {
			t.Errorf("%s: no group, or no summary without a full stop", v.Name)
		}
		if v.Lacks == "" && (len(v.About) == 0 || len(v.Examples) < 2 || len(v.SeeAlso) == 0) {
			t.Errorf("%s: no description, fewer than two examples, or nothing else to see", v.Name)
		}
		for _, other := range v.SeeAlso {
			if !slices.ContainsFunc(verbs(), func(o cli.Verb) bool {
				return string(o.Name) == other &&
					o.Lacks == ""
			}) {
				t.Errorf("%s: there is no page of %s to see", v.Name, other)
			}
		}
	}
}

// TestExamplesCanBeRun: each line of an example that calls this program is a command line that it takes.
func TestExamplesCanBeRun(t *testing.T) {
	for _, v := range verbs() {
		for _, e := range v.Examples {
			for line := range strings.Lines(e.Line) {
				_, line, called := strings.Cut(line, "orthrus ")
				if !called {
					continue
				}
				line, _, _ = strings.Cut(line, "&&")
				line = strings.ReplaceAll(line, `"$(uuidgen)"`, "u")
				if _, err := parse(append([]string{"orthrus"}, strings.Fields(line)...)); err != nil {
					t.Errorf("%s: %q: %v", v.Name, line, err)
				}
			}
		}
	}
}

// groups are those that a manual has.
var groups = []cli.Group{
	cli.GroupMapping, cli.GroupKeys, cli.GroupHeader, cli.GroupRepair, cli.GroupSize, cli.GroupGuard, cli.GroupBoot,
	cli.GroupMeasure,
}
