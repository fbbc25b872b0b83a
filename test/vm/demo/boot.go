// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// What the machine with an encrypted root is made of.
const (
	rootName = "system"
	rootPass = "correct horse"
	booted   = "The machine is up."

	// crypttab and fstab are those of the machine.
	crypttab = rootName + " /dev/vda none luks\n"
	fstab    = "/dev/mapper/" + rootName + " / ext4 defaults 0 0\n"
)

// sealScene makes the encrypted root with the real cryptsetup: a copy of the
// guest's own programs, and an init that says where it is.
var sealScene = scene{
	"A machine with an encrypted root", "Formatted by the real cryptsetup and filled with a small system of its own.",
	[]step{
		{run: "a larger disk is plugged in", host: plugSystem},
		{run: "cryptsetup luksFormat -q $costs --key-file first /dev/vdd"},
		{run: "cryptsetup open --key-file first /dev/vdd system && mkfs.ext4 -q /dev/mapper/system && mount /dev/mapper/system /mnt"},
		{run: "cp -a /bin /sbin /lib /lib64 /usr /etc /mnt/ && mkdir /mnt/dev /mnt/proc /mnt/sys /mnt/run"},
		{run: `printf '#!/bin/sh\necho; echo; grep " / " /proc/mounts; uname -n -r; echo "` + booted +
			`"; echo o >/proc/sysrq-trigger; sleep 60\n' >/mnt/usr/sbin/init && chmod +x /mnt/usr/sbin/init`},
		{run: "umount /mnt && cryptsetup close system && sync"},
	},
}

func plugSystem(ctx context.Context, m *machine.Machine) error {
	return m.Plug(ctx, machine.Disk{Name: rootName, Size: 192 << 20})
}

// A turn is what the console shows and what is typed then.
type turn struct{ sees, types string }

var turns = []turn{
	{sees: "Passphrase for", types: "wrong horse"},
	{sees: "rong passphrase"},
	{sees: "Passphrase for", types: rootPass},
	{sees: "/dev/mapper/" + rootName + " / "},
	{sees: booted},
}

// powerOn boots the disk of a machine that was switched off, with an image of
// orthrus alone, and answers at its serial line.
func powerOn(ctx context.Context, p *page, disk string) error {
	dir, err := os.MkdirTemp("", "orthrus-demo-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	p.title("Power on",
		"An initial file system with one program, orthrus, which is its init: no shell, no library. What follows is the serial line.")
	image, err := makeImage(ctx, p, dir)
	if err != nil {
		return err
	}
	console := p.output()
	begin := time.Now()
	m, err := machine.Start(ctx, machine.Config{
		Initramfs: image, Memory: 256, Disks: []machine.Disk{{Name: rootName, File: disk}}, Console: console,
		KernelArgs: []string{"quiet", "loglevel=1", "root=/dev/mapper/" + rootName, "ro"},
	})
	if err != nil {
		return err
	}
	defer m.Close()
	if err := talk(ctx, m.Console()); err != nil {
		return err
	}
	console.end(0)
	p.note("From power on to the init in the encrypted root, with a wrong passphrase first: %.1f s.",
		time.Since(begin).Seconds())
	return nil
}

func talk(ctx context.Context, c *machine.Console) error {
	mark := 0
	for _, t := range turns {
		var err error
		if mark, err = c.Expect(ctx, mark, t.sees); err != nil {
			return err
		}
		if t.types == "" {
			continue
		}
		if _, err := c.Write([]byte(t.types + "\r")); err != nil {
			return err
		}
	}
	return nil
}

// makeImage runs mkinitramfs for a system of the kernel's modules and the
// machine's two tables.
func makeImage(ctx context.Context, p *page, dir string) (string, error) {
	modules, err := machine.KernelModules()
	if err != nil {
		return "", err
	}
	system := filepath.Join(dir, "system")
	for _, d := range []string{"etc", "lib/modules"} {
		if err := os.MkdirAll(filepath.Join(system, d), 0o755); err != nil {
			return "", err
		}
	}
	if err := os.Symlink(modules, filepath.Join(system, "lib/modules", filepath.Base(modules))); err != nil {
		return "", err
	}
	for name, text := range map[string]string{"crypttab": crypttab, "fstab": fstab} {
		if err := os.WriteFile(filepath.Join(system, "etc", name), []byte(text), 0o600); err != nil {
			return "", err
		}
	}
	program := filepath.Join(dir, "orthrus")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags=-s -w", "-o", program,
		"github.com/orthrus-luks/orthrus/cmd/orthrus")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	args := []string{"mkinitramfs", "--sysroot", "system", "--kernel", filepath.Base(modules), "-o", "image"}
	p.command("orthrus " + strings.Join(args, " "))
	out, err := p.capture(ctx, dir, program, args...)
	if err != nil {
		return "", fmt.Errorf("mkinitramfs: %w\n%s", err, out)
	}
	return filepath.Join(dir, "image"), nil
}

// capture runs a program of the host and shows what it prints.
func (p *page) capture(ctx context.Context, dir, program string, args ...string) (string, error) {
	var all bytes.Buffer
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = dir, &all, &all
	err := cmd.Run()
	out := p.output()
	_, _ = out.Write(all.Bytes())
	out.end(0)
	return all.String(), err
}
