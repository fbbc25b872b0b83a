// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// verifiers are the makers of Debian, of whose images dm-verity is wanted, and in which nothing else looks for the
// encrypted root that they are made in.
var verifiers = []Maker{
	{Name: "initramfs-tools-verity", script: `
mkdir -p /etc/orthrus
echo CRYPTSETUP=n >/etc/orthrus/initramfs.conf
echo dm_verity >>/etc/initramfs-tools/modules` + InitramfsTools.script},
	{Name: "dracut-verity", script: `
dracut --force --quiet --hostonly --add-drivers dm_verity --compress 'gzip -1' /image "$kernel"`},
}

// verifiedDebian makes the tree of the Debian that the tests boot, and a copy of it with another byte in a file.
func verifiedDebian(t *testing.T) (root string, sound, changed []machine.Disk) {
	t.Helper()
	dir := t.TempDir()
	base, err := machine.DebianRoot(t.Context(), Packages...)
	must(t, err)
	module, err := machine.ModuleDir()
	must(t, err)
	orthrus, hash := filepath.Join(dir, "orthrus"), filepath.Join(dir, "hash")
	run(t, "", "go", "build", "-C", module, "-o", orthrus, "./cmd/orthrus")
	run(t, "", orthrus, "verity", "format", base, hash, "--root-hash-file", filepath.Join(dir, "root"))
	text, err := os.ReadFile(filepath.Join(dir, "root"))
	must(t, err)
	tree := machine.Disk{Name: "tree", File: hash, ReadOnly: true}
	other := filepath.Join(dir, "changed")
	run(t, "", "cp", "--sparse=always", base, other)
	run(t, "set_inode_field /etc/debian_version mtime 20010101\n", "debugfs", "-w", "-f", "-", other)
	sound = []machine.Disk{{Name: "data", Base: base}, tree}
	changed = []machine.Disk{{Name: "data", File: other}, tree}
	return string(text), sound, changed
}

// From power on to a login on a root that is verified, by the images of others with what this project installs; and not
// where the root hash is another one, nor to a file that was changed.
func TestVerifiedRootBootsByTheMakersHooks(t *testing.T) {
	root, sound, changed := verifiedDebian(t)
	for _, k := range verifiers {
		t.Run(k.Name, func(t *testing.T) {
			image, err := WithFile(t.TempDir(), imageOf(t, k), "/etc/crypttab", "\n")
			must(t, err)
			boot := func(t *testing.T, root string, disks []machine.Disk) *Session {
				t.Helper()
				const id = "/dev/disk/by-id/virtio-"
				s, err := PowerOn(t.Context(), machine.Config{
					Initramfs: image, Memory: memory, Disks: disks,
					CPUs: 1, // two emulated ones stop in the kernel's clear_page where the host is busy
					KernelArgs: []string{
						"root=/dev/mapper/root", "ro", "roothash=" + root, "systemd.verity_root_data=" + id + "data",
						"systemd.verity_root_hash=" + id + "tree", "systemd.show_status=no",
					},
				})
				must(t, err)
				t.Cleanup(func() {
					if t.Failed() {
						t.Log(s.M.Console().Tail(200))
					}
					s.M.Close()
				})
				return s
			}
			t.Run("sound", func(t *testing.T) {
				s := boot(t, root, sound)
				must(t, s.Runs(t.Context(), "findmnt -no SOURCE,OPTIONS /", "/dev/mapper/root ro"))
				must(t, s.Runs(t.Context(), "dmsetup table root", root))
				must(t, s.Runs(t.Context(), "dmsetup status root", "verity V"))
			})
			t.Run("changed", func(t *testing.T) {
				s := boot(t, root, changed)
				must(t, s.Sees(t.Context(), "is corrupted"))
			})
			t.Run("another root hash", func(t *testing.T) {
				s := boot(t, "00"+root[2:], sound)
				must(t, s.Sees(t.Context(), "Verification of root hash failed."))
			})
		})
	}
}
