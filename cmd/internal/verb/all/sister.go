// SPDX-License-Identifier: Apache-2.0

package all

import (
	"context"
	"path/filepath"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/integrity"
	"github.com/orthrus-luks/orthrus/cmd/internal/popt"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verity"
	"github.com/orthrus-luks/orthrus/dm/secret"
)

// sister is a tool beside cryptsetup, and the verb that does the same. Its command lines have options of their own
// and are carried out before any other is parsed.
type sister struct {
	program, verb string
	main          func(ctx context.Context, argv []string, version string, u *ui.UI) int
}

func sisters() []sister {
	return []sister{
		{"veritysetup", "verity", verity.Main},
		{"integritysetup", "integrity", integrity.Main},
	}
}

// sisterOf finds whose a command line is: by the program's name, or by the first word. The command line that it
// returns begins with what the program calls itself.
func sisterOf(argv []string) (*sister, []string) {
	if len(argv) == 0 {
		return nil, nil
	}
	name := filepath.Base(argv[0])
	for _, s := range sisters() {
		switch {
		case name == s.program:
			return &s, argv
		case len(argv) > 1 && argv[1] == s.verb && name != "cryptsetup":
			return &s, append([]string{name + " " + s.verb}, argv[2:]...)
		}
	}
	return nil, nil
}

// helpAsked tells whether a command line under our own name asks for help. The answer has the shape of that of the
// other verbs; by the name of the other program it is that program's.
func (s *sister) helpAsked(argv []string) bool {
	words := argv[1:]
	if end := slices.Index(words, "--"); end >= 0 {
		words = words[:end]
	}
	own := strings.HasSuffix(argv[0], " "+s.verb)
	asks := slices.Contains(words, "--help") || slices.Contains(words, "-?") || slices.Equal(words, []string{"-h"})
	return own && asks
}

// declared is what help shows of the grammar of a sister.
func declared(g *popt.Grammar) cli.Sister {
	var s cli.Sister
	for _, a := range g.Actions {
		s.Actions = append(s.Actions, [2]string{a.Name + " " + a.Args, a.Summary})
	}
	for _, o := range g.Options {
		s.Options = append(s.Options, cli.Option{Long: o.Long, Short: o.Short, Arg: o.Arg, Help: o.Help})
	}
	return s
}

// run carries out a command line.
func (s *sister) run(argv []string, version string) int {
	u := ui.System()
	if s.helpAsked(argv) {
		program, _, _ := strings.Cut(argv[0], " ")
		return shown(u, argv, cli.SisterHelp(program, Declarations(Verbs()), s.verb, u.Out, u.Err))
	}
	ctx, cancel := ui.Interruptible(context.Background())
	defer cancel()
	if err := secret.Harden(); err != nil {
		u.Debugf("%v", err)
	}
	return shown(u, argv, s.main(ctx, argv, version, u))
}

// standsInForSister tells whether the program was called by the name of another one.
func standsInForSister(argv []string) bool {
	s, _ := sisterOf(argv[:1])
	return s != nil
}

// verityVerb lets help, pages and completions know the verb.
func verityVerb() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "verity", Group: cli.GroupBoot, Own: true, MinArgs: 1,
			Args:    "<format|verify|open|close|status|dump> ...",
			Summary: "make, verify, repair and map dm-verity images, as veritysetup does",
			About: []string{
				"Works on images that are verified by a tree of hashes. Actions and options are those of " +
					"veritysetup(8), where all is told, and stand behind the word verity.",
			},
			Examples: []cli.Example{
				{What: "What the superblock of a hash device says:", Line: "orthrus verity dump system.verity"},
				{What: "Whether the kernel has found corruption:", Line: "orthrus verity status system"},
			},
			SeeAlso: []string{"boot"},
			Sister:  func() cli.Sister { return declared(verity.Grammar()) },
		},
		Run: comesFirst("verity"),
	}
}

// integrityVerb lets help, pages and completions know the verb.
func integrityVerb() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "integrity", Group: cli.GroupBoot, Own: true, MinArgs: 1,
			Args:    "<format|verify|open|close|status|dump|resize> ...",
			Summary: "format, verify and map dm-integrity devices, as integritysetup does",
			About: []string{
				"Works on devices that have a tag for every sector, so that a changed sector is an error. Actions " +
					"and " +
					"options are those of integritysetup(8), where all is told, and stand behind the word integrity.",
			},
			Examples: []cli.Example{
				{What: "Whether every tag is right, without a mapping:", Line: "orthrus integrity verify /dev/sdX"},
				{What: "How many reads the kernel has refused:", Line: "orthrus integrity status data"},
			},
			SeeAlso: []string{"verity"},
			Sister:  func() cli.Sister { return declared(integrity.Grammar()) },
		},
		Run: comesFirst("integrity"),
	}
}

// comesFirst refuses the verb behind an option of another verb.
func comesFirst(name string) func(context.Context, *verb.Command) error {
	return func(context.Context, *verb.Command) error {
		return verb.Failure(ui.Failed, "The verb %s comes first, its options behind it: orthrus %s --help.", name, name)
	}
}
