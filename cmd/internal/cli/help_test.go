// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"strings"
	"testing"
)

func TestHelpHoldsWhatScriptsLookFor(t *testing.T) {
	var stdout, stderr bytes.Buffer
	if inv, exit := start([]string{"/usr/sbin/cryptsetup", "--help"}, "1.0", &stdout, &stderr); inv != nil ||
		exit != 0 || stderr.Len() > 0 {
		t.Fatalf("exit %d, %q", exit, stderr.String())
	}
	for _, part := range []string{
		"cryptsetup 2.8.6 flags: UDEV BLKID KEYRING KERNEL_CAPI \nUsage: cryptsetup [OPTION...] <action> <action-specific>\n",
		"allow-discards", "\n<action> is one of:\n\topen <device> [--type <type>] [<name>] - ",
		"\tluksKillSlot <device> <key slot> - ",
		"\tMaximum keyfile size: 8192kB, Maximum interactive passphrase length 512 (characters)\n",
		"\tLUKS: aes-xts-plain64, Key: 256 bits, LUKS header hashing: sha256, RNG: /dev/urandom\n",
		"\tLUKS: Default keysize with XTS mode (two internal keys) will be doubled.\n",
		"  -s, --key-size=BITS                     size of the volume key\n",
	} {
		if !strings.Contains(stdout.String(), part) {
			t.Errorf("help lacks %q", part)
		}
	}
	for _, line := range strings.Split(stdout.String(), "\n") {
		if strings.HasPrefix(line, "  ") && len(line) > 77 {
			t.Errorf("line too wide: %s", line)
		}
	}
}

func TestVersionFollowsTheNameOfTheProgram(t *testing.T) {
	for name, want := range map[string]string{
		"cryptsetup": "cryptsetup 2.8.6 flags: UDEV BLKID KEYRING KERNEL_CAPI \n",
		"orthrus":    "orthrus 1.2 (cryptsetup 2.8.6 compatible) flags: UDEV BLKID KEYRING KERNEL_CAPI \n",
	} {
		var stdout, stderr bytes.Buffer
		inv, exit := start([]string{"/sbin/" + name, "-qV", "--bogus"}, "1.2", &stdout, &stderr)
		if inv != nil || exit != 0 || stdout.String() != want || stderr.Len() > 0 {
			t.Errorf("%s: exit %d, %q %q", name, exit, stdout.String(), stderr.String())
		}
	}
}

func TestOwnOptionsShowUnderOurNameOnly(t *testing.T) {
	if strings.Contains(usage("cryptsetup"), "[--json]") || !strings.Contains(usage("orthrus"), "[--json]") {
		t.Error("synopsis shows the wrong options")
	}
}

func TestKeyFileOptionTakesPrecedenceWithANotice(t *testing.T) {
	var stdout, stderr bytes.Buffer
	inv, _ := start([]string{"cryptsetup", "luksFormat", "--key-file", "k", "dev", "other"}, "0", &stdout, &stderr)
	if inv == nil || len(inv.Notices) != 1 || inv.Notices[0] != "Option --key-file takes precedence over specified key file argument." {
		t.Errorf("%+v", inv)
	}
}
