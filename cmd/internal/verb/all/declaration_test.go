// SPDX-License-Identifier: Apache-2.0

package all

import (
	"bytes"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/manual"
)

// polish is a verb that is declared here and nowhere else, with two options of its own.
func polish(shiny *bool, wax *cli.Value[string]) cli.Verb {
	return cli.Verb{
		Name: "polish", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1, Own: true,
		Summary: "make a header shine",
		Takes:   cli.OfWriter,
		Options: []cli.Option{
			{Long: "shiny", Into: shiny, Help: "and then some"},
			{
				Long: "wax", Arg: "KIND", Into: wax, Values: []string{"bee", "carnauba"}, Help: "what to polish with",
				Check: cli.Among(wax, "Option --wax takes bee or carnauba.", "bee", "carnauba"),
			},
		},
		Rules: []cli.Rule{func(*cli.Invocation) string {
			return cli.Refuse(*shiny && !wax.Set,
				"Shine takes --wax.")
		}},
		About:    []string{"Polishes."},
		Examples: []cli.Example{{What: "Shine:", Line: "orthrus polish --shiny --wax bee x"}},
	}
}

// TestADeclarationIsAllThatAVerbNeeds: from it alone the command line, help, page and completions
// know the verb and its options.
func TestADeclarationIsAllThatAVerbNeeds(t *testing.T) {
	for line, want := range map[string]string{
		"orthrus polish --shiny --wax bee --dry-run x":  "",
		"orthrus polish --shiny x":                      "orthrus: Shine takes --wax. See orthrus polish --help.\n",
		"orthrus polish --wax soap x":                   "orthrus: Option --wax takes bee or carnauba. See orthrus polish --help.\n",
		"orthrus polish --deferred x":                   "orthrus: Option --deferred is not allowed with polish action. See orthrus polish --help.\n",
		"orthrus luksDump --wax bee x":                  "orthrus: Option --wax is not allowed with luksDump action. See orthrus luksDump --help.\n",
		"orthrus polish":                                "orthrus: polish requires <device> as arguments. See orthrus polish --help.\n",
		"cryptsetup POLISH --wax=bee --header h -- --x": "",
	} {
		var shiny bool
		var wax cli.Value[string]
		verbs := append(Declarations(Verbs()), polish(&shiny, &wax))
		var stdout, stderr bytes.Buffer
		inv, _ := cli.Start(strings.Fields(line), "0", verbs, &stdout, &stderr)
		if (inv != nil) != (want == "") || !strings.HasSuffix(stderr.String(), want) {
			t.Errorf("%s: %q", line, stderr.String())
		}
		if inv != nil && (inv.Action != "polish" || wax.V != "bee") {
			t.Errorf("%s: %s, --wax %s", line, inv.Action, wax.V)
		}
	}
	verbs := append(Declarations(Verbs()), polish(new(bool), new(cli.Value[string])))
	page := manual.Pages(verbs, manual.Edition{})["orthrus-polish.8"]
	shown := map[string]string{
		"help": helpOn(verbs, "polish"), "cryptsetup's help": cli.Help("cryptsetup", "0", verbs), "usage": cli.Usage("orthrus", verbs), "page": strings.ReplaceAll(page, `\-`, "-"),
		"bash": manual.Completions(verbs)["bash/orthrus"], "zsh": manual.Completions(verbs)["zsh/_orthrus"],
	}
	for where, text := range shown {
		if !strings.Contains(text, "--shiny") || !strings.Contains(text, "--wax") {
			t.Errorf("%s does not name the options", where)
		}
	}
	if strings.Contains(cli.Usage("cryptsetup", verbs), "shiny") {
		t.Error("cryptsetup's synopsis names an option of ours")
	}
}

func helpOn(verbs []cli.Verb, name string) string {
	var stdout, stderr bytes.Buffer
	_, _ = cli.Start([]string{"orthrus", "help", name}, "0", verbs, &stdout, &stderr)
	return stdout.String()
}
