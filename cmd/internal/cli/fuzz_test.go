// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"io"
	"strings"
	"testing"
)

// FuzzStart feeds whole command lines, words separated by NUL: there is always an answer, and an
// invocation is returned only with exit code 0 and an action that exists.
func FuzzStart(f *testing.F) {
	for _, line := range []string{"open\x00--type=plain\x00a\x00b", "-qvS1\x00luksKillSlot\x00d\x007", "token\x00add\x00--unbound", "--help", "--\x00close\x00-x"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		argv := append([]string{"cryptsetup"}, strings.Split(line, "\x00")...)
		inv, exit := Start(argv, "0", io.Discard, io.Discard)
		if inv == nil {
			return
		}
		_, _, known := findAction(string(inv.Action))
		if !known || exit != 0 || inv.Options.TestArgs {
			t.Fatalf("%q: started %q with exit code %d", argv, inv.Action, exit)
		}
	})
}
