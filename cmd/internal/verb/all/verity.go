// SPDX-License-Identifier: Apache-2.0

package all

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
)

// verityVerb lets help, pages and completions know the verb. Its command lines have options of their own and are
// carried out before any other is parsed, where verity is the first word.
func verityVerb() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "verity", Group: cli.GroupBoot, Own: true, MinArgs: 1,
			Args:    "<format|verify|open|close|status|dump> ...",
			Summary: "make, verify, repair and map dm-verity images, as veritysetup does (orthrus verity --help)",
			About: []string{
				"Works on images that are verified by a tree of hashes. Actions and options are those of " +
					"veritysetup(8), where all is told, and stand behind the word verity.",
			},
			Examples: []cli.Example{
				{What: "What the superblock of a hash device says:", Line: "orthrus verity dump system.verity"},
				{What: "Whether the kernel has found corruption:", Line: "orthrus verity status system"},
			},
			SeeAlso: []string{"boot"},
		},
		Run: func(context.Context, *verb.Command) error {
			return verb.Failure(ui.Failed, "The verb verity comes first, its options behind it: orthrus verity --help.")
		},
	}
}
