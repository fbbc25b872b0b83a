// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// Packages are what the Debian of these tests has beside a login.
var Packages = []string{"cryptsetup", "cryptsetup-initramfs", "dracut-core", "initramfs-tools", "xfsprogs"}

// Workshop is the machine that prepares disks and images: a Debian of its own.
func Workshop(disks ...machine.Disk) machine.Config {
	return machine.Config{
		Debian: Packages,
		// The kernel asks for modules of ciphers itself, but waits a minute only, which is too short on a busy host.
		Load:  []string{"dm-crypt", "xts", "aesni-intel"},
		Build: []string{"github.com/orthrus-luks/orthrus/cmd/orthrus"},
		Disks: disks,
	}
}

// The encrypted root: made by the real cryptsetup, with two keyslots, around a
// copy of the Debian that the workshop runs.
const (
	Passphrase = "correct horse"
	KeyText    = "the key file's own content"
	RootUUID   = "00000000-7000-4000-8000-00000000000a"
	// RootArgs tell a kernel where its root is.
	RootArgs = "root=/dev/mapper/sealed ro"

	rootSize = 3<<30 + 16<<20 // bytes: the file system of the image and a header

	// makeRoot formats /dev/disk/root and copies the file system on "source".
	makeRoot = `
printf '` + Passphrase + `' >/tmp/pass
printf "` + KeyText + `" >/tmp/key
cryptsetup luksFormat -q --type luks2 --uuid ` + RootUUID + ` --pbkdf argon2id --pbkdf-memory 32768 --pbkdf-parallel 1 \
	--pbkdf-force-iterations 4 --key-file /tmp/pass "$1"
cryptsetup luksAddKey --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --key-file /tmp/pass "$1" /tmp/key
cryptsetup open --key-file /tmp/key "$1" sealed
e2image -ra "$2" /dev/mapper/sealed
tune2fs -U random -L root /dev/mapper/sealed
mount /dev/mapper/sealed /mnt
echo "/dev/mapper/sealed / ext4 defaults 0 1" >/mnt/etc/fstab
echo "sealed UUID=` + RootUUID + ` none luks" >/mnt/etc/crypttab
umount /mnt
cryptsetup close sealed
sync`
)

// SealedRoot returns the disk image with the encrypted root. It is kept in the
// cache beside the Debian it was made from; nobody may write to it.
var SealedRoot = sync.OnceValues(func() (string, error) {
	base, err := machine.DebianRoot(context.Background(), Packages...)
	if err != nil {
		return "", err
	}
	file := filepath.Join(filepath.Dir(base), "sealed-"+recipe(makeRoot)+".img")
	if _, err := os.Stat(file); err == nil || !errors.Is(err, fs.ErrNotExist) {
		return file, err
	}
	return file, makeSealedRoot(base, file)
})

func makeSealedRoot(base, file string) error {
	work, err := os.CreateTemp(filepath.Dir(file), "making-*")
	if err != nil {
		return err
	}
	defer os.Remove(work.Name())
	if err := errors.Join(work.Truncate(rootSize), work.Close()); err != nil {
		return err
	}
	m, err := machine.Start(context.Background(), Workshop(
		machine.Disk{Name: "source", Base: base}, machine.Disk{Name: "root", File: work.Name()},
	))
	if err != nil {
		return err
	}
	defer m.Close()
	if _, err := Script(context.Background(), m, makeRoot, "root", "source"); err != nil {
		return err
	}
	m.PowerOff()
	return os.Rename(work.Name(), file)
}
