// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/popt"
	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
)

func TestMistakesAreNamedAsVeritysetupNamesThem(t *testing.T) {
	s := newSession(t)
	tests := map[string]string{
		"":                               "veritysetup: Argument <action> missing.",
		"foo":                            "veritysetup: Unknown action.",
		"format a":                       "veritysetup: format: requires <data_device> <hash_device> as arguments",
		"open a b":                       "veritysetup: open: requires <data_device> <name> <hash_device> [<root_hash>] as arguments",
		"--bogus":                        "--bogus: unknown option",
		"dump -x a":                      "-x: unknown option",
		"dump a --hash":                  "--hash: missing argument",
		"dump a --debug=1":               "--debug=1: option does not take an argument",
		"dump a --data-blocks x":         "veritysetup: invalid numeric value",
		"format a b --ignore-corruption": "veritysetup: Option --ignore-corruption is not allowed with format action.",
		"open a b c d --ignore-corruption --restart-on-corruption": "veritysetup: Option --ignore-corruption and " +
			"--restart-on-corruption cannot be used together.",
		"open a b c d --error-as-corruption": "veritysetup: Option --error-as-corruption must be used with " +
			"--panic-on-corruption or --restart-on-corruption.",
		"format a b --old-data c": "veritysetup: Options --old-data, --old-hash and --old-root-hash are used together.",
		"dump a --batch b":        "veritysetup: Option --batch is not allowed with dump action.",
		"verify a b --batch c":    "veritysetup: Option --batch takes the devices from its list, not from the command line.",
		"close a --deferred --cancel-deferred": "veritysetup: Options --cancel-deferred and --deferred cannot be used at " +
			"the same time.",
	}
	for line, want := range tests {
		got := s.call(strings.Fields(line)...)
		if got.code != 1 || !strings.HasSuffix(got.stderr, want+"\n") || !strings.HasPrefix(got.stderr, "Usage: veritysetup") {
			t.Errorf("%q: exit %d\n%s", line, got.code, got.stderr)
		}
	}
}

func TestValuesAreRefusedBeforeAnythingIsMade(t *testing.T) {
	s := newSession(t)
	s.write("data", make([]byte, 8192))
	s.write("small", make([]byte, 300))
	s.write("hash", make([]byte, 8192))
	tests := []struct {
		line, want string
		code       int
	}{
		{"format data new --data-block-size 700", "Unsupported VERITY block size.", 1},
		{"format data new --hash-block-size 1048576", "Unsupported VERITY block size.", 1},
		{"format data new --format 3", "Unsupported VERITY hash type 3.", 1},
		{"format data new --hash foo", "Hash algorithm foo not supported.", 1},
		{"format data new --salt xyz", "Invalid salt string specified.", 1},
		{"format data new --hash-offset 5", "Unsupported VERITY hash offset.", 1},
		{"format data new --uuid 12", "Wrong VERITY UUID format provided on device new.", 1},
		{"format data new --fec-device f --fec-roots 25", "Invalid number of parity bytes.", 1},
		{"format data new --fec-device f --fec-offset 5", "Unsupported VERITY FEC offset.", 1},
		{"format data new --fec-device f --hash-block-size 512", "Block sizes must match for FEC.", 1},
		{"format small new", "Header detected but device small is too small.", 1},
		{"format data new --data-blocks 3", "Input/output error while creating hash area.", 1},
		{"format data data", "Data area overlaps with hash area.", 1},
		{"format data new --fec-device new --fec-offset 512", "Hash area overlaps with FEC area.", 1},
		{"format data new --fec-device data", "Data area overlaps with FEC area.", 1},
		{"format nothing new", "Device nothing does not exist or access denied.", 4},
		{"dump data", "Device data is not a valid VERITY device.", 1},
		{"dump /dev/null", "Device /dev/null is not compatible.", 4},
		{"verify data hash", "Command requires <root_hash> or --root-hash-file option as argument.", 1},
		{"verify data hash 00", "Device hash is not a valid VERITY device.", 1},
	}
	for _, test := range tests {
		got := s.call(strings.Fields(test.line)...)
		if got.code != test.code || !strings.Contains(got.stderr, test.want+"\n") {
			t.Errorf("%q: exit %d\n%s", test.line, got.code, got.stderr)
		}
		if exists("new") || exists("f") {
			t.Fatalf("%q: a file was made", test.line)
		}
	}
}

func TestVeritysetupShowsNoOptionsOfOurOwn(t *testing.T) {
	s := newSession(t)
	for _, flag := range []string{"--help", "--usage"} {
		theirs, ours := s.call(flag), s.callAs("orthrus verity", flag)
		if strings.Contains(theirs.stdout+theirs.stderr, "--repair") || !strings.Contains(ours.stdout+ours.stderr, "--repair") {
			t.Errorf("%s:\n%s%s\n%s%s", flag, theirs.stdout, theirs.stderr, ours.stdout, ours.stderr)
		}
	}
	if got := s.call("--version"); !strings.HasPrefix(got.stdout, "veritysetup "+setup.CompatVersion) {
		t.Errorf("version: %s", got.stdout)
	}
}

// Under our own name a mistake is one line, and veritysetup's name has its synopsis.
func TestAMistakeUnderOurOwnNameIsOneLine(t *testing.T) {
	s := newSession(t)
	for line, want := range map[string]string{
		"foo":          "orthrus verity: there is no action \"foo\". See orthrus verity --help.\n",
		"dump --bogus": "orthrus verity: there is no option \"--bogus\". See orthrus verity --help.\n",
	} {
		if got := s.callAs("orthrus verity", strings.Fields(line)...); got.code != 1 || got.stderr != want {
			t.Errorf("%s: exit %d, %q", line, got.code, got.stderr)
		}
	}
}

func FuzzCommandLine(f *testing.F) {
	f.Add("format data hash --hash-offset=512 -s - -v")
	f.Add("create name data hash 00 --fec-roots 24 -- -x")
	f.Fuzz(func(t *testing.T, line string) {
		c, err := parse(append([]string{"veritysetup"}, strings.Fields(line)...))
		var usage *popt.UsageError
		if err != nil && !errors.As(err, &usage) {
			t.Fatalf("%q: %v", line, err)
		}
		if err != nil || c.informs() {
			return
		}
		i := slices.IndexFunc(actions(), func(a popt.Action) bool { return a.Name == c.action })
		if i < 0 || len(c.args) < actions()[i].Least && !c.given["batch"] {
			t.Fatalf("%q: %s with %q is let through", line, c.action, c.args)
		}
	})
}
