// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/cmd/cpio"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// A Maker is a program that makes initial file systems; its script runs in the
// encrypted root, mounted and entered as an installer of a distribution does,
// and leaves /image.
type Maker struct {
	Name   string
	script string
	// plain makes the image that the distribution makes without this project.
	plain bool
	// What the machine that makes the image has beside: files over those of the root, arguments of QEMU, modules.
	stage      func(dir string) error
	qemu, load []string
}

// prompt is what the image asks with.
func (k Maker) prompt() string {
	if k.plain {
		return "unlock disk sealed"
	}
	return Prompt
}

// The makers: our own; two of Debian's with what this project installs, which
// bring no more drivers than this machine needs, since the tools are slow on an
// emulated processor.
var (
	Ours           = Maker{Name: "mkinitramfs", script: `orthrus mkinitramfs -o /image --kernel "$kernel"`}
	InitramfsTools = Maker{Name: "initramfs-tools", script: `
echo MODULES=list >/etc/initramfs-tools/conf.d/few
printf 'virtio_pci\nvirtio_blk\n' >>/etc/initramfs-tools/modules
mkinitramfs -o /image "$kernel"`}
	Dracut = Maker{Name: "dracut", script: `dracut --force --quiet --hostonly --compress 'gzip -1' /image "$kernel"`}
)

// To compare with: what Debian makes by itself, as it does by default, and the
// same with our hook added.
var (
	DebianOwn      = Maker{Name: "cryptsetup-initramfs", script: `mkinitramfs -o /image "$kernel"`, plain: true}
	DebianWithHook = Maker{Name: "both", script: `mkinitramfs -o /image "$kernel"`}
)

const makeImage = `
printf "` + KeyText + `" >/tmp/key
cryptsetup open --key-file /tmp/key "$1" sealed
mount /dev/mapper/sealed /mnt
[ ! -d /stage ] || cp -a /stage/. /mnt/
/lib/systemd/systemd-udevd --daemon
udevadm trigger --settle
for dir in dev proc sys run; do mount --rbind /$dir /mnt/$dir; done
kernel=$(ls /lib/modules | grep '^[0-9]')
export kernel
chroot /mnt sh -ec "$MAKE"
mv /mnt/image /tmp/image
ls -l /tmp/image`

// Make makes an image in dir and returns its file.
func (k Maker) Make(ctx context.Context, dir string) (string, error) {
	root, err := SealedRoot()
	if err != nil {
		return "", err
	}
	cfg := Workshop(machine.Disk{Name: "root", Base: root})
	cfg.Memory = 2048
	cfg.Env = []string{"MAKE=" + k.script}
	cfg.QEMUArgs, cfg.Load = k.qemu, append(cfg.Load, k.load...)
	if !k.plain {
		stage := filepath.Join(dir, "stage")
		if err := install(ctx, stage); err != nil {
			return "", err
		}
		if k.stage != nil {
			if err := k.stage(stage); err != nil {
				return "", err
			}
		}
		cfg.Files = map[string]string{"/stage": stage}
	}
	m, err := machine.Start(ctx, cfg)
	if err != nil {
		return "", err
	}
	defer m.Close()
	if _, err := Script(ctx, m, makeImage, "root"); err != nil {
		return "", fmt.Errorf("%s: %w", k.Name, err)
	}
	return save(ctx, m, filepath.Join(dir, "image-"+k.Name))
}

// save copies /tmp/image out of the guest.
func save(ctx context.Context, m *machine.Machine, to string) (string, error) {
	f, err := os.Create(to)
	if err != nil {
		return "", err
	}
	err = fetch(ctx, m, "/tmp/image", f)
	return to, errors.Join(err, f.Close())
}

// install puts into a directory what make install puts into a system, with the hooks that Debian's programs want.
func install(ctx context.Context, dir string) error {
	module, err := machine.ModuleDir()
	if err != nil {
		return err
	}
	for _, words := range [][]string{
		{"all"}, {"install", "DESTDIR=" + dir, "PREFIX=/usr", "HOOKS=initramfs-tools dracut systemd"},
	} {
		cmd := exec.CommandContext(ctx, "make", append([]string{"-C", module}, words...)...)
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("make %s: %w\n%s", words[0], err, out)
		}
	}
	return nil
}

// WithFile appends an archive with one file to an image and returns the new
// image in dir; the kernel unpacks one after the other.
func WithFile(dir, image, name, text string) (string, error) {
	data, err := os.ReadFile(image)
	if err != nil {
		return "", err
	}
	const alignment = 4
	joined := bytes.NewBuffer(append(data, make([]byte, (alignment-len(data)%alignment)%alignment)...))
	c := cpio.NewWriter(joined)
	c.File(name, 0o644, []byte(text))
	if err := c.Close(); err != nil {
		return "", err
	}
	file := filepath.Join(dir, "image-with-"+filepath.Base(name))
	return file, os.WriteFile(file, joined.Bytes(), 0o600)
}
