// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// debianDisk is the name of the disk that holds the guest's Debian.
const debianDisk = "debian"

// DebianRoot returns an image of an ext4 file system with a small Debian: a
// machine that boots to a login on its serial port, the modules of the machine's
// kernel, and these packages. It is made at first use, which takes a minute or
// more, root or sudo, and Debian's archive; it is kept in the cache under a name
// that the list and the kernel give. Nobody may write to it: see Disk.Base.
func DebianRoot(ctx context.Context, packages ...string) (string, error) {
	k, err := findKernel(boards[amd64])
	if err != nil {
		return "", err
	}
	script, err := findScript("debian-root")
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, script, append([]string{k.modules, k.config()}, packages...)...)
	var out, problems bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &problems
	if err := cmd.Run(); err != nil {
		return "", fmt.Errorf("machine: %s: %w: %s", script, err, problems.String())
	}
	return strings.TrimSpace(out.String()), nil
}

// config is the kernel's configuration beside its image, as Debian has it.
func (k kernel) config() string {
	dir, name := filepath.Split(k.image)
	file := filepath.Join(dir, strings.Replace(name, "vmlinuz-", "config-", 1))
	if _, err := os.Stat(file); err != nil || file == k.image {
		return os.DevNull
	}
	return file
}

func findScript(name string) (string, error) {
	dir, err := ModuleDir()
	return filepath.Join(dir, "scripts", name), err
}

// ModuleDir is the directory of this module, found from a directory in it.
func ModuleDir() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("machine: go.mod is in no directory above: %w", os.ErrNotExist)
		}
	}
}

var errPrograms = errors.New("machine: Config.Programs does not go with Config.Debian: name the package there")

// addDebian gives the machine the disk with its root.
func (m *Machine) addDebian(ctx context.Context) error {
	if m.cfg.Debian == nil || m.cfg.Initramfs != "" {
		return nil
	}
	if len(m.cfg.Programs) > 0 {
		return errPrograms
	}
	base, err := DebianRoot(ctx, m.cfg.Debian...)
	if err != nil {
		return err
	}
	m.cfg.Disks = append(m.cfg.Disks, Disk{Name: debianDisk, Base: base}.withDefaults())
	m.cfg.Modules = append([]string{"ext4"}, m.cfg.Modules...)
	return nil
}
