// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/dm/target"
	"pgregory.net/rapid"
)

func mustParse(t *testing.T, line string) *cli.Invocation {
	t.Helper()
	inv, err := parse(append([]string{"/sbin/cryptsetup"}, words(line)...))
	if err != nil {
		t.Fatalf("%s: %v", line, err)
	}
	return inv
}

func TestArgumentsReachTheirFields(t *testing.T) {
	inv := mustParse(t, "-qv --type=luks2 -s512 -S 3 luksFormat --pbkdf argon2id --luks2-keyslots-size 2MiB "+
		"/dev/sda -d- --label ''")
	o := &inv.Options
	if inv.Action != "luksFormat" || inv.Program != "cryptsetup" ||
		!reflect.DeepEqual(inv.Args, []string{"/dev/sda"}) {
		t.Errorf("action %s, program %s, arguments %q", inv.Action, inv.Program, inv.Args)
	}
	if !o.BatchMode || !o.Verbose || o.Debug {
		t.Error("flags are wrong")
	}
	if o.Type.V != "luks2" || !slices.Equal(o.KeySizes, []uint32{512}) || o.KeySlot != (cli.Value[int]{3, true}) {
		t.Errorf("type %v, key size %v, keyslot %v", o.Type, o.KeySizes, o.KeySlot)
	}
	if o.LUKS2KeyslotsSize.V != 2<<20 || !slices.Equal(o.KeyFiles, []string{"-"}) || o.Label != (cli.Value[string]{"", true}) {
		t.Errorf("keyslots size %v, key file %v, label %v", o.LUKS2KeyslotsSize, o.KeyFiles, o.Label)
	}
	if o.Subsystem.Set || o.Tries.Or(3) != 3 || len(o.VolumeKeyFiles) > 0 {
		t.Error("options that were not given seem given")
	}
}

func TestEachFlagOfDmCryptIsAnOptionOfOpen(t *testing.T) {
	for _, f := range target.AllCryptFlags() {
		inv := mustParse(t, "open --type plain --sector-size 4096 /dev/sda name --"+f.Option)
		if inv.Options.Flags != f.Flag {
			t.Errorf("--%s stands for %q", f.Option, inv.Options.Flags)
		}
	}
	if all := mustParse(t, "open --allow-discards --perf-same_cpu_crypt /dev/sda name").Options.Flags; all !=
		target.AllowDiscards|target.SameCPUCrypt {
		t.Errorf("two flags are %q", all)
	}
}

func TestOldSpellingsMeanTheSame(t *testing.T) {
	for line, want := range map[string]struct {
		action cli.Action
		kind   string
		args   string
	}{
		"create name /dev/sda":               {"open", "plain", "/dev/sda name"},
		"plainOpen /dev/sda name":            {"open", "plain", "/dev/sda name"},
		"luksOpen /dev/sda name":             {"open", "luks", "/dev/sda name"},
		"luksopen /dev/sda name":             {"open", "luks", "/dev/sda name"},
		"luksOpen --type luks2 /dev/s name":  {"open", "luks", "/dev/s name"},
		"open /dev/sda --refresh name":       {"open", "", "/dev/sda name"},
		"refresh name":                       {"open", "", "name"},
		"remove name":                        {"close", "plain", "name"},
		"isLUKS -- -x":                       {"isLuks", "", "-x"},
		"luksErase /dev/sda":                 {"erase", "", "/dev/sda"},
		"LUKSUUID /dev/sda":                  {"luksUUID", "", "/dev/sda"},
		"luksConfig /dev/sda --subsystem s":  {"config", "", "/dev/sda"},
		"luksKillSlot /dev/sda 07":           {"luksKillSlot", "", "/dev/sda 07"},
		"luksClose --header x name":          {"close", "luks", "name"},
		"open --test-passphrase UUID=1234-5": {"open", "", "UUID=1234-5"},
	} {
		inv := mustParse(t, line)
		if inv.Action != want.action || inv.Options.Type.V != want.kind || strings.Join(inv.Args, " ") != want.args {
			t.Errorf("%s: %s type %q %q", line, inv.Action, inv.Options.Type.V, inv.Args)
		}
	}
}

func TestMasterKeyIsTheOldNameOfVolumeKey(t *testing.T) {
	inv := mustParse(t, "luksDump --dump-master-key --master-key-file f dev")
	if !inv.Options.DumpVolumeKey || !slices.Equal(inv.Options.VolumeKeyFiles, []string{"f"}) {
		t.Errorf("%+v", inv.Options)
	}
}

func TestWhatAnActionNeedsIsToldWithoutSynopsis(t *testing.T) {
	for line, want := range map[string]string{
		"open a":                  "Command requires device and mapped name as arguments.\n",
		"luksOpen a":              "Command requires device and mapped name as arguments.\n",
		"config a.img":            "Option --priority, --label or --subsystem is missing.\n",
		"luksHeaderBackup a.img":  "Option --header-backup-file is required.\n",
		"luksHeaderRestore a.img": "Option --header-backup-file is required.\n",
		"convert a.img":           "Invalid LUKS type, only luks1 and luks2 are supported.\n",
		"open --type bogus a n":   "Unrecognized metadata device type bogus.\n",
		"reencrypt a.img":         "cryptsetup: reencryption is not supported; nothing was changed.\n",
		"luksFormat --hw-opal a":  "cryptsetup: OPAL hardware encryption is not supported; nothing was changed.\n",
		"luksFormat -I hmac-sha256 --integrity-inline a.img": "cryptsetup: integrity inside the sectors' own metadata is not supported; nothing was changed.\n",
		"luksKillSlot a.img x":                               usage("cryptsetup") + "cryptsetup: Key slot is invalid.\n",
		"open --type plain --test-passphrase a": usage("cryptsetup") +
			"cryptsetup: Option --test-passphrase is allowed only for open of LUKS, TCRYPT, BITLK and FVAULT2 devices.\n",
	} {
		var stdout, stderr bytes.Buffer
		inv, exit := start(append([]string{"cryptsetup"}, words(line)...), "0", &stdout, &stderr)
		if inv != nil || exit != 1 || stderr.String() != want || stdout.Len() > 0 {
			t.Errorf("%s: exit %d, %q", line, exit, stderr.String())
		}
	}
}

func TestKillSlotTakesWholeNumbersOnly(t *testing.T) {
	mustParse(t, "luksKillSlot dev 12")
	for _, text := range []string{"1x", "", "-1", " 1", "0x1"} {
		_, err := parse([]string{"cryptsetup", "luksKillSlot", "dev", text})
		if err == nil {
			t.Errorf("keyslot %q accepted", text)
		}
	}
}

// Whatever is on the command line, parsing ends in an invocation or in one of the errors that Start
// knows how to explain, never in a panic.
func TestParsingAlwaysEndsInAnAnswer(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		pieces := []string{
			"-", "--", "=", "x", "8", "a b", "-q", "-S", "--key-size=8", "open", "luksKillSlot",
			"token", "add", "--type", "plain", "--unbound", "?", "--size",
		}
		word := rapid.OneOf(rapid.SampledFrom(pieces), rapid.StringN(0, 6, -1))
		argv := rapid.SliceOfN(word, 0, 8).Draw(t, "argv")
		inv, err := parse(argv)
		var usage *cli.UsageError
		var missing *cli.MissingError
		var unsupported *cli.UnsupportedError
		if err != nil && !errors.As(err, &usage) && !errors.As(err, &missing) && !errors.As(err, &unsupported) {
			t.Fatalf("unexpected error %T", err)
		}
		if err == nil && inv.Action == "" && !informs(argv) {
			t.Fatal("neither action nor error")
		}
	})
}

// informs tells whether a command line asks only for something about the program.
func informs(argv []string) bool {
	var stdout, stderr bytes.Buffer
	inv, code := start(argv, "0", &stdout, &stderr)
	return inv == nil && code == 0
}
