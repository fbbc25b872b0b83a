// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
	"golang.org/x/sys/unix"
)

// TestImagesOnAReadOnlyFileSystem are mapped read-only without being asked: with their own header, with one
// apart that cannot be written to either, and plain.
func TestImagesOnAReadOnlyFileSystem(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "loop")
		c := newCLI(t)
		if err := os.WriteFile(c.key, bytes.Repeat([]byte("k"), 64), 0o600); err != nil { // as long as a plain key
			t.Fatal(err)
		}
		dir := filepath.Join(t.TempDir(), "still")
		if err := errors.Join(os.Mkdir(dir, 0o700), unix.Mount("none", dir, "tmpfs", 0, "")); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
		for _, name := range []string{"own", "data", "apart"} {
			if err := os.WriteFile(filepath.Join(dir, name), make([]byte, 20<<20), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		format := append([]string{"luksFormat", "-q", "--key-file", c.key, "--no-far-header"}, cheapKeyslot...)
		c.run("orthrus", append(format, dir+"/own")...)
		c.run("orthrus", append(format, "--header", dir+"/apart", dir+"/data")...)
		if err := unix.Mount("none", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
			t.Fatal(err)
		}
		for name, args := range map[string][]string{
			"own":   {dir + "/own"},
			"apart": {"--header", dir + "/apart", dir + "/data"},
			"plain": {"--type", "plain", "--cipher", "aes-xts-plain64", "--key-size", "512", dir + "/data"},
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
