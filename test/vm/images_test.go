// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestImagesOnAReadOnlyFileSystem are mapped read-only without being asked: with their own header, with one
// apart that cannot be written to either, and plain.
func TestImagesOnAReadOnlyFileSystem(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dir := filepath.Join(t.TempDir(), "still")
		c.run("sh", "-c", "mkdir "+dir+" && mount -t tmpfs none "+dir+" && cd "+dir+" && truncate -s 20m own data && truncate -s 16m apart")
		t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
		format := append([]string{"luksFormat", "-q", "--key-file", c.key, "--no-far-header"}, cheapKeyslot...)
		c.run("orthrus", append(format, dir+"/own")...)
		c.run("orthrus", append(format, "--header", dir+"/apart", dir+"/data")...)
		c.run("mount", "-o", "remount,ro", dir)
		for name, args := range map[string][]string{
			"own":   {dir + "/own"},
			"apart": {"--header", dir + "/apart", dir + "/data"},
			"plain": {"--type", "plain", "--cipher", "aes-xts-plain64", "--key-size", "512", "--hash", "sha512", dir + "/data"},
		} {
			for _, by := range []string{"orthrus", "cryptsetup"} {
				c.run(by, append(append([]string{"open", "-q", "--key-file", c.key}, args...), name)...)
				t.Cleanup(func() { _ = exec.Command("orthrus", "close", name).Run() })
				if got := c.run("orthrus", "status", name); !strings.Contains(got, "mode:    readonly\n") {
					t.Errorf("%s by %s: %s", name, by, got)
				}
				c.run("dd", "if=/dev/mapper/"+name, "of=/dev/null", "bs=4096", "count=1", "status=none")
				c.run("orthrus", "close", name)
			}
		}
	})
}

// TestLongNamesCutTheUUID: the device-mapper takes names of 127 bytes and UUIDs of 128, of which the volume's
// own part leaves 83 to the name.
func TestLongNamesCutTheUUID(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dev := machine.DiskPath(t, "a")
		c.run("orthrus", append(append([]string{"luksFormat", "-q", "--key-file", c.key, "--no-far-header"}, cheapKeyslot...), dev)...)
		for _, length := range []int{83, 84, 100, 127} {
			name := strings.Repeat("n", length)
			uuids := map[string]string{}
			for _, by := range []string{"orthrus", "cryptsetup"} {
				c.run(by, "open", "--key-file", c.key, dev, name)
				t.Cleanup(func() { _ = exec.Command("orthrus", "close", name).Run() })
				uuids[by] = strings.TrimSpace(c.run("dmsetup", "info", "-c", "--noheadings", "-o", "uuid", name))
				c.run("orthrus", "status", name)
				c.run("orthrus", "close", name)
			}
			if uuids["orthrus"] != uuids["cryptsetup"] || len(uuids["orthrus"]) != min(45+length, 128) {
				t.Errorf("%d: %q, cryptsetup's %q", length, uuids["orthrus"], uuids["cryptsetup"])
			}
		}
	})
}
