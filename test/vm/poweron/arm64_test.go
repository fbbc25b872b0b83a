// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// The root of the arm64 machine: a shell, and this program.
const (
	armSize = 64 << 20 // bytes
	armInit = `#!/bin/sh
echo "this is the root on $(uname -m)"
exec sh </dev/console >/dev/console 2>&1
`
	// sealArm formats a disk and copies the file system on the other.
	sealArm = `
printf '` + Passphrase + `' >/tmp/pass
cryptsetup luksFormat -q --type luks2 --uuid ` + RootUUID + ` --pbkdf argon2id --pbkdf-memory 32768 --pbkdf-parallel 1 \
	--pbkdf-force-iterations 4 --key-file /tmp/pass "$1"
cryptsetup open --key-file /tmp/pass "$1" sealed
dd if="$2" of=/dev/mapper/sealed bs=1M status=none
cryptsetup close sealed
sync`
)

// armTree is a folder with what the root consists of; the modules of its kernel follow, which only the image needs.
func armTree(t *testing.T, module string) string {
	t.Helper()
	cache, err := machine.CacheDir()
	must(t, err)
	tree := filepath.Join(t.TempDir(), "tree")
	for _, dir := range []string{"bin", "dev", "etc", "lib", "proc", "run", "sbin", "sys", "tmp", "usr/sbin"} {
		must(t, os.MkdirAll(filepath.Join(tree, dir), 0o755))
	}
	run(t, "", "cp", filepath.Join(cache, "kernel-arm64/busybox"), filepath.Join(tree, "bin"))
	for _, name := range []string{"cat", "echo", "poweroff", "sh", "uname"} {
		must(t, os.Symlink("busybox", filepath.Join(tree, "bin", name)))
	}
	for name, text := range map[string]string{
		"sbin/init": armInit, "etc/fstab": "/dev/mapper/sealed / ext4 defaults 0 1\n", "etc/crypttab": rootLine,
	} {
		must(t, os.WriteFile(filepath.Join(tree, name), []byte(text), 0o755))
	}
	build := exec.CommandContext(t.Context(), "go", "build", "-C", module, "-trimpath", "-ldflags=-s -w",
		"-o", filepath.Join(tree, "usr/sbin/orthrus"), "./cmd/orthrus")
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+machine.ARM64)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return tree
}

// armRoot is a disk with the tree as a file system, in a volume of the real cryptsetup.
func armRoot(t *testing.T, tree string) machine.Disk {
	t.Helper()
	dir := t.TempDir()
	plain, sealed := filepath.Join(dir, "plain"), filepath.Join(dir, "sealed")
	for _, file := range []string{plain, sealed} {
		must(t, os.WriteFile(file, nil, 0o600))
	}
	must(t, os.Truncate(plain, armSize))
	must(t, os.Truncate(sealed, armSize+headerSize))
	run(t, "", "mke2fs", "-q", "-t", "ext4", "-d", tree, plain)
	m, err := machine.Start(t.Context(), Workshop(machine.Disk{Name: "root", File: sealed}, machine.Disk{Name: "plain", File: plain}))
	must(t, err)
	defer m.Close()
	_, err = Script(t.Context(), m, sealArm, "root", "plain")
	must(t, err)
	return machine.Disk{Name: "root", File: sealed}
}

// TestBootsOnARM64 boots Debian's kernel for arm64 on an emulated machine, by an image that mkinitramfs makes on this
// one, from power on to a shell in the encrypted root.
func TestBootsOnARM64(t *testing.T) {
	module, err := machine.ModuleDir()
	must(t, err)
	modules, err := machine.ModulesARM64()
	must(t, err)
	tree := armTree(t, module)
	disk := armRoot(t, tree)
	run(t, "", "cp", "-R", filepath.Dir(modules), filepath.Join(tree, "lib"))
	image := filepath.Join(t.TempDir(), "image")
	run(t, "", program(t), "mkinitramfs", "--sysroot", tree, "--kernel", filepath.Base(modules), "-o", image)

	begin := time.Now()
	s, err := PowerOn(t.Context(), machine.Config{
		Arch: machine.ARM64, Initramfs: image, Memory: memory, Disks: []machine.Disk{disk}, KernelArgs: []string{RootArgs},
	})
	must(t, err)
	t.Cleanup(s.M.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.M.Console().Tail(60))
		}
	})
	answer(t, s)
	must(t, s.Sees(t.Context(), "this is the root on aarch64"))
	t.Logf("%.1f s from power on to the root", time.Since(begin).Seconds())
	s.in = true // nobody asks for a name
	for command, want := range map[string]string{
		"cat /proc/mounts":       "/dev/mapper/sealed / ext4",
		"orthrus --version":      "orthrus ",
		"orthrus status sealed":  "is active",
		"orthrus check /dev/vda": "healthy",
	} {
		must(t, s.Runs(t.Context(), command, want))
	}
	must(t, s.Types("poweroff -f"))
	must(t, s.Sees(t.Context(), "reboot: Power down"))
}
