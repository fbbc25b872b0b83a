// SPDX-License-Identifier: Apache-2.0

package manual_test

import (
	"fmt"
	"os/exec"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/cmd/internal/integrity"
	"github.com/orthrus-luks/orthrus/cmd/internal/manual"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/all"
	"github.com/orthrus-luks/orthrus/cmd/internal/verity"
)

// edition is that of the pages that are looked at.
var edition = manual.Edition{Version: "1.2.3", Date: time.Unix(1700000000, 0)}

func declared() []cli.Verb { return all.Declarations(all.Verbs()) }

func TestEveryActionIsDescribed(t *testing.T) {
	for _, v := range declared() {
		if v.Lacks != "" {
			continue
		}
		text, found := manual.Pages(declared(), edition)["orthrus-"+string(v.Name)+".8"]
		if !found || !strings.Contains(text, "\n.SH SYNOPSIS\n\\fBorthrus "+string(v.Name)+"\\fR") {
			t.Errorf("%s: no page, or one without a synopsis", v.Name)
		}
	}
}

func TestPagesNameOptionsThatExist(t *testing.T) {
	known := map[string]bool{"token": true} // "a --token option"
	for _, o := range cli.Documented(declared()) {
		known[o.Long] = true
	}
	for _, o := range slices.Concat(verity.Grammar().Options, integrity.Grammar().Options) {
		known[o.Long] = true
	}
	mentioned := regexp.MustCompile(`(^|[ \n(])--([a-z0-9_-]+)`)
	for name, text := range manual.Pages(declared(), edition) {
		for _, found := range mentioned.FindAllStringSubmatch(strings.ReplaceAll(text, `\-`, "-"), -1) {
			if long := strings.TrimSuffix(found[2], "-"); !known[long] {
				t.Errorf("%s mentions --%s", name, long)
			}
		}
	}
}

func TestPagesAreWellFormedRoff(t *testing.T) {
	request := regexp.MustCompile(`^\.(TH|SH|PP|TP|nf|fi|RS|RE)( |$)`)
	for name, text := range manual.Pages(declared(), edition) {
		if !regexp.MustCompile("^.TH (ORTHRUS|CRYPTSETUP|VERITYSETUP|INTEGRITYSETUP)").MatchString(text) {
			t.Errorf("%s does not start with its title", name)
		}
		for _, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !request.MatchString(line) {
				t.Errorf("%s: request %q", name, line)
			}
		}
	}
}

func TestCompletionsOfferWhatIsCarriedOut(t *testing.T) {
	for name, text := range manual.Completions(declared()) {
		for _, word := range []string{
			"luksFormat", "luksOpen", "rescue", "allow-discards", "export", "/dev/mapper",
			"argon2id", "repair-hash", "fec-roots", "integrity-recalculate",
		} {
			if !strings.Contains(text, word) {
				t.Errorf("%s lacks %s", name, word)
			}
		}
		for _, word := range []string{"hw-opal", "hotzone-size", "write-log", "external-tokens-path"} {
			if strings.Contains(text, word) {
				t.Errorf("%s offers %s", name, word)
			}
		}
	}
}

func TestGuardsPageAndSampleHaveEverySetting(t *testing.T) {
	page, sample := manual.Pages(declared(), edition)["orthrus-guard.conf.5"], manual.GuardSample(nil)["guard.conf"]
	if len(policy.Settings()) == 0 {
		t.Fatal("no settings")
	}
	for _, s := range policy.Settings() {
		line := s.Name + " = " + s.Values.Form()
		if !strings.Contains(page, line) || !strings.Contains(sample, "# "+line+"\n") {
			t.Errorf("no %q", line)
		}
	}
}

// The sample changes nothing, and neither do its lines of defaults where they are let count.
func TestGuardsSampleIsTheDefault(t *testing.T) {
	sample := manual.GuardSample(nil)["guard.conf"]
	defaults, _, _ := strings.Cut(sample, "# Sections")
	for _, text := range []string{sample, regexp.MustCompile(`(?m)^#(\w)`).ReplaceAllString(defaults, "$1")} {
		if c, err := policy.Parse([]byte(text)); err != nil || !reflect.DeepEqual(c, policy.Default()) {
			t.Errorf("%+v, %v", c, err)
		}
	}
}

func TestGuardsExampleIsUnderstood(t *testing.T) {
	_, example, found := strings.Cut(manual.GuardSample(nil)["guard.conf"], "# Sections")
	if !found {
		t.Fatal("no example")
	}
	c, err := policy.Parse([]byte(regexp.MustCompile(`(?m)^#([\w\[])`).ReplaceAllString("# "+example, "$1")))
	if err != nil || len(c.Rules) < 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

func TestPagesSayOfWhichEditionTheyAre(t *testing.T) {
	for name, text := range manual.Pages(declared(), edition) {
		title, _, _ := strings.Cut(text, "\n")
		if !strings.Contains(title, ` 2023-11-14 "Orthrus 1.2.3" `) {
			t.Errorf("%s: %s", name, title)
		}
	}
}

func TestEveryPageHasAnExample(t *testing.T) {
	for name, text := range manual.Pages(declared(), edition) {
		if !strings.Contains(text, "\n.SH EXAMPLE") {
			t.Errorf("%s has none", name)
		}
	}
}

// Every exit code that an action declares stands in the overview's table too.
func TestTheOverviewHasEveryExitCode(t *testing.T) {
	_, table, _ := strings.Cut(manual.Pages(declared(), edition)["orthrus.8"], ".SH EXIT STATUS")
	for _, e := range cli.ExitCodes() {
		if !strings.Contains(table, fmt.Sprintf("\n\\fB%d\\fR\n", e.Code)) {
			t.Errorf("no %d", e.Code)
		}
	}
	for _, v := range declared() {
		for _, e := range v.Exits {
			if v.Lacks == "" && !strings.Contains(table, fmt.Sprintf("\n\\fB%s: %d\\fR\n", v.Name, e.Code)) {
				t.Errorf("no %s: %d", v.Name, e.Code)
			}
		}
	}
}

// lint runs a program on a page and fails where it says anything.
func lint(t *testing.T, page, text, from, program string, args ...string) {
	t.Helper()
	c := exec.Command(program, args...)
	c.Stdin = strings.NewReader(text)
	if out, err := c.CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("%s: %s (install %s): %v\n%s", page, program, from, err, out)
	}
}

// A page fits screens of three widths, in ASCII and in UTF-8. Only a single word is wider, or a command of an example.
func TestPagesFitTheScreen(t *testing.T) {
	overstruck := regexp.MustCompile(".\x08")
	plain := strings.NewReplacer(`\-`, "-", `\(aq`, "'", `\(dq`, `"`, `\&`, "", `\e`, `\`)
	for name, text := range manual.Pages(declared(), edition) {
		source := plain.Replace(text)
		for _, columns := range []int{40, 80, 200} {
			for _, device := range []string{"ascii", "utf8"} {
				c := exec.Command("mandoc", "-T", device, "-O", fmt.Sprintf("width=%d", columns))
				c.Stdin = strings.NewReader(text)
				out, err := c.Output()
				if err != nil {
					t.Fatal(err)
				}
				if i := strings.IndexFunc(string(out), func(r rune) bool { return r > 0x7e }); i >= 0 && device == "ascii" {
					t.Errorf("%s: byte %#x", name, out[i])
				}
				for _, line := range strings.Split(overstruck.ReplaceAllString(string(out), ""), "\n") {
					words := strings.TrimSpace(line)
					if utf8.RuneCountInString(line) > columns && strings.Contains(words, " ") && !strings.Contains(source, "\n"+words+"\n") {
						t.Errorf("%s with %d columns: %s", name, columns, line)
					}
				}
			}
		}
	}
}

func TestManAndMandocHaveNothingToSay(t *testing.T) {
	for name, text := range manual.Pages(declared(), edition) {
		lint(t, name, text, "mandoc", "mandoc", "-T", "lint", "-W", "style")
		// With 40 columns groff says of long words that it cannot break them.
		for _, device := range []string{"ascii", "utf8"} {
			for _, columns := range []string{"80", "200"} {
				lint(t, name, text, "groff-base", "groff", "-man", "-w", "w", "-z", "-T", device, "-rLL="+columns+"n")
			}
		}
	}
}
