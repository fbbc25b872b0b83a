// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// packages are what the Debian of these tests has beside a login.
var packages = []string{"cryptsetup", "cryptsetup-initramfs", "dracut-core", "initramfs-tools", "xfsprogs"}

// config is the machine that prepares disks and images: a Debian of its own.
func config() machine.Config {
	return machine.Config{
		Debian:  packages,
		Modules: []string{"dm-crypt"},
		Build:   []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
	}
}

func TestMain(m *testing.M) { machine.Main(m, config()) }

func TestGuestIsADebian(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "dm-crypt")
		for command, want := range map[string]string{
			"cat /etc/debian_version":                     "12.",
			"findmnt -no FSTYPE /":                        "ext4",
			"orthrus --version":                           "orthrus",
			"modinfo -F description dm-crypt":             "transparent encryption",
			"modprobe -v dm-integrity && dmsetup targets": "integrity",
		} {
			out, err := exec.Command("sh", "-c", command).CombinedOutput()
			if err != nil || !strings.Contains(string(out), want) {
				t.Errorf("%s: %v\n%s", command, err, out)
			}
		}
		if err := os.WriteFile("/etc/written", nil, 0o600); err != nil {
			t.Error(err)
		}
	})
}
