// SPDX-License-Identifier: Apache-2.0

package interop

import (
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/orthrus-luks/orthrus/test/part"
)

// spellings are every action with its aliases.
var spellings = []string{
	"open", "create", "plainOpen", "luksOpen", "loopaesOpen", "tcryptOpen", "bitlkOpen", "fvault2Open", "refresh",
	"close", "remove", "plainClose", "luksClose", "loopaesClose", "tcryptClose", "bitlkClose", "fvault2Close",
	"resize", "status", "benchmark", "repair", "reencrypt", "erase", "luksErase", "convert", "config", "luksConfig",
	"luksFormat", "luksAddKey", "luksRemoveKey", "luksChangeKey", "luksConvertKey", "luksKillSlot", "luksUUID", "isLuks", "isLUKS", "luksDump",
	"tcryptDump", "bitlkDump", "fvault2Dump", "luksSuspend", "luksResume", "luksHeaderBackup", "luksHeaderRestore",
	"token", "token add", "token remove", "token import", "token export", "token unassign", "nonsense", "",
}

// endings are what follows the action; no command may change a volume or map one.
var endings = []string{
	"", "missing.img", "missing.img vol", "missing.img 0", "/dev/null", "/dev/null vol", "/dev/null 0", "/nowhere/at/all vol", ".", ". vol",
	"--nonsense", "--nonsense a.img", "-Z a.img", "--key-slot x a.img", "--key-slot -1 a.img", "--key-size 7 a.img", "--key-size x a.img",
	"--type nonsense missing.img vol", "--type luks3 a.img", "--tries 0 missing.img", "--timeout x missing.img vol", "--pbkdf none missing.img", "--header",
	"--header missing.img", "--key-file", "--key-file a --key-file b missing.img vol", "--deferred missing.img", "--integrity missing.img",
	"--device-size 1x missing.img", "--device-size 513 missing.img vol", "--size 1 --device-size 512 missing.img vol", "--token-id -2 missing.img",
	"--offset 1 --align-payload 1 missing.img", "--test-passphrase missing.img", "--test-passphrase --persistent missing.img",
	"--label x missing.img", "--priority up missing.img", "--uuid x missing.img", "--header-backup-file x missing.img", "--test-args missing.img",
	"--volume-key-file a --volume-key-file b --volume-key-file c missing.img vol", "--help", "--version", "--usage", "-- missing.img", "zero.img", "zero.img 0",
}

// apart are those that need more than a comparison: what 2.6.1 or 2.7.5 do not have, or do otherwise
// than the 2.8 that we follow, and why. Keys are "action ending", either of them * for any.
var apart = []struct{ action, ending, why string }{
	{"benchmark", "*", "runs for seconds"},
	{"reencrypt", "*", "refused by name before its arguments are judged"},
	{"isLUKS", "*", "understood as isLuks, which older scripts mean"},
	{"*", "--volume-key-file a --volume-key-file b --volume-key-file c missing.img vol", "2.8 takes two volume keys at most, and says so first"},
	{"*", "--tries 0 missing.img", "2.8 refuses no tries before anything else"},
	{"*", "--token-id -2 missing.img", "a number that no token has is refused; cryptsetup ends in an assertion where it uses it"},
	{"luksKillSlot", "* vol", "a keyslot that is no number is refused; cryptsetup takes it for keyslot 0"},
}

func setApart(action, ending string) string {
	for _, a := range apart {
		last, suffix := strings.CutPrefix(a.ending, "*")
		if (a.action == "*" || a.action == action) && (a.ending == ending || suffix && strings.HasSuffix(ending, last)) {
			return a.why
		}
	}
	return ""
}

// TestExitCodesOfBadCommandLines: each action with no arguments, wrong ones and missing devices ends
// with the exit code of cryptsetup.
func TestExitCodesOfBadCommandLines(t *testing.T) {
	everyEnding := part.Whole() // otherwise they take turns
	b := newBed(t)
	b.image("zero.img", 1<<20)
	before := b.sum("zero.img")
	var same, other, left atomic.Int32
	t.Run("all", func(t *testing.T) {
		for i, action := range spellings {
			t.Run(strings.ReplaceAll(action, " ", "_"), func(t *testing.T) {
				t.Parallel()
				for j, ending := range endings {
					if !everyEnding && j > 3 && (i+j)%24 != 0 {
						left.Add(1)
						continue
					}
					if setApart(action, ending) != "" {
						other.Add(1)
						continue
					}
					if compareExit(t, b, action, ending) {
						same.Add(1)
					}
				}
			})
		}
	})
	all := len(spellings) * len(endings)
	part.Note(t, "command lines", all-int(left.Load()), all)
	if b.sum("zero.img") != before {
		t.Error("zero.img was written")
	}
	fmt.Printf("exit codes: %d command lines end as with cryptsetup, %d are set apart:\n", same.Load(), other.Load())
	for _, a := range apart {
		fmt.Printf("  %s %s: %s\n", a.action, a.ending, a.why)
	}
}

func compareExit(t *testing.T, b *bed, action, ending string) bool {
	c := call{dir: b.dir, args: append(words(action), words(ending)...)}
	got := bench.ours.call(t, c)
	var want []int
	for _, p := range []tool{bench.trixie, bench.bookworm} {
		peer := p.call(t, c)
		if want = append(want, peer.code); peer.code == got.code {
			return true
		}
	}
	slices.Sort(want)
	t.Errorf("%s %s: exit %d, cryptsetup %v\n%s", action, ending, got.code, want, got.stderr)
	return false
}
