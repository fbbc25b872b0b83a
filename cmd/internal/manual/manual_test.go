// SPDX-License-Identifier: Apache-2.0

package manual

import (
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

func TestEveryActionIsDescribed(t *testing.T) {
	for _, a := range carriedOut() {
		text, found := Pages()[pageName(a.Name)+".8"]
		if !found || len(pages[a.Name].about) == 0 {
			t.Errorf("%s: no page, or one without a description", a.Name)
		}
		if !strings.Contains(text, "\n.SH SYNOPSIS\n\\fBorthrus "+string(a.Name)+"\\fR") {
			t.Errorf("%s: no synopsis", a.Name)
		}
	}
}

func TestPagesNameOptionsThatExist(t *testing.T) {
	known := longs(cli.OptionDocs())
	for action, p := range pages {
		for _, name := range p.uses {
			if !slices.Contains(known, "--"+name) {
				t.Errorf("%s: no option --%s", action, name)
			}
		}
	}
	for name := range values {
		if !slices.Contains(known, "--"+name) {
			t.Errorf("values of --%s", name)
		}
	}
	for _, name := range slices.Concat(files, reencryptionOnly) {
		if !slices.Contains(known, "--"+name) {
			t.Errorf("no option --%s", name)
		}
	}
	mentioned := regexp.MustCompile(`(^|[ (])--([a-z0-9_-]+)`)
	for name, text := range Pages() {
		for _, found := range mentioned.FindAllStringSubmatch(strings.ReplaceAll(text, `\-`, "-"), -1) {
			if long := strings.TrimSuffix(found[2], "-"); !slices.Contains(known, "--"+long) && long != "token" {
				t.Errorf("%s mentions --%s", name, long)
			}
		}
	}
}

func TestPagesAreWellFormedRoff(t *testing.T) {
	request := regexp.MustCompile(`^\.(TH|SH|PP|TP|nf|fi|RS|RE)( |$)`)
	for name, text := range Pages() {
		if !strings.HasPrefix(text, ".TH ORTHRUS") {
			t.Errorf("%s does not start with its title", name)
		}
		for _, line := range strings.Split(text, "\n") {
			if strings.HasPrefix(line, "'") || strings.HasPrefix(line, ".") && !request.MatchString(line) {
				t.Errorf("%s: request %q", name, line)
			}
		}
	}
	if got := escape("a-b\\n\n.dot\n'quote"); got != "a\\-b\\en\n\\&.dot\n\\&'quote" {
		t.Errorf("%q", got)
	}
}

func TestCompletionsOfferWhatIsCarriedOut(t *testing.T) {
	for name, text := range Completions() {
		for _, word := range []string{"luksFormat", "luksOpen", "rescue", "allow-discards", "export", "/dev/mapper", "argon2id"} {
			if !strings.Contains(text, word) {
				t.Errorf("%s lacks %s", name, word)
			}
		}
		for _, word := range []string{"tcrypt", "hw-opal", "reencrypt", "write-log", "external-tokens-path"} {
			if strings.Contains(text, word) {
				t.Errorf("%s offers %s", name, word)
			}
		}
	}
}
