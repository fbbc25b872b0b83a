// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
)

// FuzzStart feeds whole command lines, words separated by NUL: there is always an answer, and an
// invocation is returned only with exit code 0 and an action that exists.
func FuzzStart(f *testing.F) {
	for _, line := range []string{
		"open\x00--type=plain\x00a\x00b", "-qvS1\x00luksKillSlot\x00d\x007",
		"token\x00add\x00--unbound", "--help", "--\x00close\x00-x",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		argv := append([]string{"cryptsetup"}, strings.Split(line, "\x00")...)
		inv, exit := start(argv, "0", io.Discard, io.Discard)
		if inv == nil {
			return
		}
		known := slices.ContainsFunc(verbs(), func(v cli.Verb) bool { return v.Name == inv.Action })
		if !known || exit != 0 || inv.Options.TestArgs {
			t.Fatalf("%q: started %q with exit code %d", argv, inv.Action, exit)
		}
	})
}
