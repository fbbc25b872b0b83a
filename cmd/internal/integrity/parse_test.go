// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"bytes"
	"strings"
	"testing"
)

func TestMistakesAreNamedAsIntegritysetupNamesThem(t *testing.T) {
	s := newSession(t)
	for line, want := range map[string]string{
		"":                                "integritysetup: Argument <action> missing.",
		"foo":                             "integritysetup: Unknown action.",
		"format":                          "integritysetup: format: requires <integrity_device> as arguments",
		"open a":                          "integritysetup: open: requires <integrity_device> <name> as arguments",
		"--bogus":                         "--bogus: unknown option",
		"dump a -s 4096":                  "integritysetup: Option --sector-size is not allowed with dump action.",
		"format a --integrity-key-file k": "integritysetup: Both key file and key size options must be specified.",
		"format a --journal-integrity-key-file k --journal-integrity-key-size 32": "integritysetup: Journal " +
			"integrity " +
			"algorithm must be specified if journal integrity key is used.",
		"open a b -B -R": "integritysetup: Recovery and bitmap mode options are mutually " +
			"exclusive.",
		"open a b -B --journal-watermark 5": "integritysetup: Journal options cannot be used in bitmap mode.",
		"open a b --bitmap-flush-time 5":    "integritysetup: Bitmap options can be used only in bitmap mode.",
		"format a --integrity-inline -B": "Inline mode cannot be combined with journal, bitmap or data device " +
			"options.",
		"format a -j 5x":                       "integritysetup: Invalid size specification.",
		"close a --deferred --cancel-deferred": "--cancel-deferred and --deferred cannot be used at the same time.",
	} {
		got := s.call(strings.Fields(line)...)
		if got.code != 1 || !strings.HasSuffix(got.stderr, want+"\n") ||
			!strings.HasPrefix(got.stderr, "Usage: integritysetup") {
			t.Errorf("%q: exit %d\n%s", line, got.code, got.stderr)
		}
	}
}

// What is refused leaves every byte of the device as it was.
func TestRefusalsComeBeforeTheFirstWrite(t *testing.T) {
	s := newSession(t)
	old := bytes.Repeat([]byte("old data"), 1<<14)
	s.write("img", old)
	s.write("small", make([]byte, 4096))
	for _, test := range []struct {
		line, want string
		code       int
	}{
		{"format missing", "Device missing does not exist or access denied.", 4},
		{"format small", "Device small is too small.", 1},
		{"format img -s 8192", "block size", 1},
		{"format img -t 425", "tag size", 1},
		{"format img -I nosuch", "The algorithm nosuch is not known to this program.", 1},
		{"format img -I hmac(sha256)", "No known integrity specification pattern detected.", 1},
		{"format img -I hmac-sha256", "needs a key file", 1},
		{"format img --integrity-inline", "Inline mode is formatted by the kernel alone", 1},
		{"format img -I hmac-sha256 --integrity-key-file missing --integrity-key-size 32", "Cannot read keyfile " +
			"missing.", 1},
		{"format img --data-device img", "Data and metadata lie on the same device", 1},
		{"dump img", "Device img is not a valid INTEGRITY device.", 1},
		{"verify img", "Device img is not a valid INTEGRITY device.", 1},
		{"dump /dev/null", "Device /dev/null is not compatible.", 4},
	} {
		got := s.call(strings.Fields(test.line)...)
		if got.code != test.code || !strings.Contains(got.stderr, test.want) {
			t.Errorf("%s: exit %d, want %d and %q\n%s", test.line, got.code, test.code, test.want, got.stderr)
		}
		if !bytes.Equal(s.read("img"), old) {
			t.Fatalf("%s: the device was written to", test.line)
		}
	}
}

func TestHelpNamesEveryAction(t *testing.T) {
	s := newSession(t)
	got := s.call("--help")
	for _, a := range actions() {
		if !strings.Contains(got.stdout, "\t"+a.Name+" ") {
			t.Errorf("%s is not in help", a.Name)
		}
	}
	if strings.Contains(got.stdout, "--where") {
		t.Error("our own options are in the help of integritysetup")
	}
}
