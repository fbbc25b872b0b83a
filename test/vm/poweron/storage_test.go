// SPDX-License-Identifier: Apache-2.0

package poweron

import (
	"fmt"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// storagePackages are what the Debian on volume groups and arrays has beside a login.
var storagePackages = []string{"cryptsetup", "lvm2", "mdadm"}

// A layout is a root on more than partitions and encrypted volumes. Its script has the partitions of the disks as
// arguments and sets "root", the device for the file system, and "source", what fstab says of it.
type layout struct {
	name, script string
	args         string // of the kernel
	disks        int
	boots        []storageBoot
}

// storageBoot is a boot of a layout.
type storageBoot struct {
	name  string
	disks int      // how many there are
	sees  []string // before the login
	runs  map[string]string
}

// What scripts have in common: a volume with the root's passphrase, and a volume group with a small /home in it, which
// systemd waits for.
const (
	luksOn   = `cryptsetup luksFormat -q --uuid ` + RootUUID + ` --pbkdf argon2id --pbkdf-memory 32768 --pbkdf-parallel 1 --pbkdf-force-iterations 4 --key-file /tmp/pass `
	openAs   = `cryptsetup open --key-file /tmp/pass `
	withHome = `lvcreate -qy -L 32M -n home my-vg >/dev/null; mkfs.ext4 -q /dev/my-vg/home; echo "/dev/my-vg/home /home ext4 defaults 0 2" >/tmp/fstab
`
	mirror = `mdadm --create /dev/md/root --run --assume-clean --metadata=1.0 --homehost=orthrus --level=1 --raid-devices=2 "$1" "$2"
`
)

var layouts = []layout{
	{
		name: "a volume group in an encrypted partition", disks: 1, args: "root=/dev/my-vg/root ro",
		script: luksOn + `"$1"; ` + openAs + `"$1" sealed; vgcreate -q my-vg /dev/mapper/sealed
lvcreate -qy -L 3G -n root my-vg; ` + withHome + `root=/dev/my-vg/root source=/dev/mapper/my--vg-root`,
		boots: []storageBoot{{name: "boots", disks: 1, runs: map[string]string{
			"findmnt -no SOURCE /": "/dev/mapper/my--vg-root", "findmnt -no SOURCE /home": "/dev/mapper/my--vg-home",
		}}},
	},
	{
		name: "an encrypted volume of a group on two disks, one of them an encrypted mirror's", disks: 2, args: "root=/dev/mapper/sealed ro",
		script: `vgcreate -q my-vg "$1" "$2"; lvcreate -qy --type raid1 -m 1 --nosync -L 3120M -n sealed my-vg; ` + withHome +
			luksOn + `/dev/my-vg/sealed; ` + openAs + `/dev/my-vg/sealed sealed; root=/dev/mapper/sealed source=$root
echo "sealed /dev/my-vg/sealed none luks" >/tmp/crypttab`,
		boots: []storageBoot{
			{name: "boots", disks: 2, runs: map[string]string{
				"findmnt -no SOURCE /": "/dev/mapper/sealed", "findmnt -no SOURCE /home": "/dev/mapper/my--vg-home",
			}},
			{name: "boots from half of it", disks: 1, sees: []string{"started without it: "}, runs: map[string]string{
				"findmnt -no SOURCE /": "/dev/mapper/sealed",
			}},
		},
	},
	{
		name: "an encrypted mirror", disks: 2, args: "root=/dev/mapper/sealed ro",
		script: mirror + luksOn + `/dev/md/root; ` + openAs + `/dev/md/root sealed; root=/dev/mapper/sealed source=$root`,
		boots: []storageBoot{
			{name: "boots", disks: 2, runs: map[string]string{
				"findmnt -no SOURCE /": "/dev/mapper/sealed", "cat /proc/mdstat": "[UU]", "ls -l /dev/md/root": "md",
			}},
			{name: "boots from half of it", disks: 1, sees: []string{"started without it: mdadm: started array"}, runs: map[string]string{
				"findmnt -no SOURCE /": "/dev/mapper/sealed", "cat /proc/mdstat": "_",
			}},
		},
	},
	{
		name: "a volume group in an encrypted mirror", disks: 2, args: "root=/dev/mapper/my--vg-root ro",
		script: mirror + luksOn + `/dev/md/root; ` + openAs + `/dev/md/root sealed; vgcreate -q my-vg /dev/mapper/sealed
lvcreate -qy -L 3G -n root my-vg; ` + withHome + `root=/dev/my-vg/root source=/dev/my-vg/root`,
		boots: []storageBoot{{name: "boots", disks: 2, runs: map[string]string{
			"findmnt -no SOURCE /": "/dev/mapper/my--vg-root", "findmnt -no SOURCE /home": "/dev/mapper/my--vg-home",
		}}},
	},
}

// The disk's nodes come first in a layout's script, the Debian that is copied last.
const makeStorage = `
printf '` + Passphrase + `' >/tmp/pass
echo "sealed UUID=` + RootUUID + ` none luks" >/tmp/crypttab
: >/tmp/fstab
/lib/systemd/systemd-udevd --daemon
udevadm trigger --settle
kernel=$(ls /lib/modules | grep '^[0-9]')
from=$1
shift
for disk; do set -- "$@" "${disk}1"; shift; done
eval "$LAYOUT"
e2image -ra "$from" "$root"
tune2fs -U random -L root "$root" >/dev/null
mount "$root" /mnt
cp -a /stage/. /mnt/
{ echo "$source / ext4 defaults 0 1"; cat /tmp/fstab; } >/mnt/etc/fstab
cp /tmp/crypttab /mnt/etc/crypttab
for dir in dev proc sys run; do mount --rbind /$dir /mnt/$dir; done
# What the machine that makes the image lies on is what is mounted at "/".
chroot /mnt unshare -m sh -ec "orthrus mkinitramfs --verbose -o /image --kernel $kernel"
mv /mnt/image /tmp/image
umount -R /mnt
vgchange -qan >/dev/null || true
cryptsetup close sealed || true
vgchange -qan >/dev/null || true
mdadm --stop --scan || true
sync`

// make lays the disks out and makes their image.
func (l layout) make(t *testing.T) (image string, disks []machine.Disk) {
	t.Helper()
	dir := t.TempDir()
	base, err := machine.DebianRoot(t.Context(), storagePackages...)
	must(t, err)
	names := []string{"source"}
	for i := range l.disks {
		file := filepath.Join(dir, fmt.Sprint("disk", i))
		run(t, "", "truncate", "-s", "3280M", file)
		run(t, "label: gpt\n,,L\n", "sfdisk", "-q", file)
		disks = append(disks, machine.Disk{Name: fmt.Sprint("disk", i), File: file})
		names = append(names, disks[i].Name)
	}
	stage := filepath.Join(dir, "stage")
	must(t, install(t.Context(), stage))
	m, err := machine.Start(t.Context(), machine.Config{
		Debian: storagePackages, Load: []string{"dm-crypt", "dm-raid", "raid1"}, Memory: 2048, Files: map[string]string{"/stage": stage},
		Env: []string{"LAYOUT=" + l.script}, Disks: append([]machine.Disk{{Name: "source", Base: base}}, disks...),
	})
	must(t, err)
	defer m.Close()
	said, err := Script(t.Context(), m, makeStorage, names...)
	must(t, err)
	t.Log(said)
	image, err = save(t.Context(), m, filepath.Join(dir, "image"))
	must(t, err)
	m.PowerOff()
	return image, disks
}

// TestBootsFromVolumeGroupsAndArrays goes from power on to a login on roots that the image's lvm and mdadm start.
func TestBootsFromVolumeGroupsAndArrays(t *testing.T) {
	for _, l := range part.Of(t, "layouts", layouts, layouts[:1]) {
		t.Run(l.name, func(t *testing.T) {
			image, disks := l.make(t)
			for _, b := range l.boots {
				t.Run(b.name, func(t *testing.T) { b.run(t, image, l.args, disks) })
			}
		})
	}
}

func (b storageBoot) run(t *testing.T, image, args string, disks []machine.Disk) {
	copies := make([]machine.Disk, b.disks)
	for i := range copies {
		copies[i] = machine.Disk{Name: disks[i].Name, Base: disks[i].File}
	}
	s, err := PowerOn(t.Context(), machine.Config{
		Initramfs: image, Memory: memory, Disks: copies, KernelArgs: []string{args, "systemd.show_status=no"},
	})
	must(t, err)
	t.Cleanup(s.M.Close)
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(s.M.Console().Tail(80))
		}
	})
	for _, text := range b.sees {
		must(t, s.Sees(t.Context(), text))
	}
	answer(t, s)
	for command, want := range b.runs {
		must(t, s.Runs(t.Context(), command, want))
	}
	if n := s.Asked(); n != 1 {
		t.Errorf("asked %d times", n)
	}
}
