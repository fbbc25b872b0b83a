// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestFsadm: lvm resizes a logical volume, the mapping in it and the file system in that.
func TestFsadm(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for _, kind := range []string{"luks1", "luks2"} {
			t.Run(kind, func(t *testing.T) {
				g := caller(t)
				g.sh(`mkdir -p /etc/lvm /mnt/v; printf 'activation { udev_sync=0 udev_rules=0 }\ndevices { use_devicesfile=0 }\n' >/etc/lvm/lvm.conf
					pvcreate -qq -ff -y $a; vgcreate -qq vg $a; lvcreate -qq -y -Wn -L 40M -n lv vg; vgmknodes || true`)
				g.luksFormat("/dev/mapper/vg-lv", "--type "+kind)
				g.sh(`cryptsetup open --disable-keyring -d /root/key /dev/mapper/vg-lv inner
					mkfs.ext4 -q /dev/mapper/inner; mount /dev/mapper/inner /mnt/v; echo kept >/mnt/v/file`)
				g.sh("lvresize -y -r -L 64M vg/lv")
				g.sh("test $(blockdev --getsize64 /dev/mapper/inner) -gt $((40<<20)); test $(df --output=size -B1M /mnt/v | tail -1) -gt 30 || test " + kind + " = luks2")
				g.sh("umount /mnt/v; lvresize -y -f -r -L 44M vg/lv; test $(blockdev --getsize64 /dev/mapper/inner) -lt $((44<<20))")
				g.sh("mount /dev/mapper/inner /mnt/v; grep -q kept /mnt/v/file; umount /mnt/v; cryptsetup close inner; vgchange -qq -an vg; vgremove -qq -ff -y vg")
				g.ran("lvm's fsadm with "+kind, "resize inner --size", "luksDump")
			})
		}
	})
}

// TestTomb: a program that keeps its secrets in LUKS1 image files.
func TestTomb(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		g := caller(t)
		key := "-k t.key --unsafe --tomb-pwd pass -f"
		g.sh(`rm -f t.tomb t.key; swapoff -a || true; mkdir -p /mnt/t
			tomb dig -s 20 t.tomb && tomb forge t.key --unsafe --tomb-pwd pass -f`)
		g.sh("tomb lock t.tomb " + key)
		g.sh("tomb open t.tomb /mnt/t " + key + " && echo kept >/mnt/t/file && tomb close t")
		g.sh("tomb resize t.tomb -s 28 " + key)
		g.sh("tomb open t.tomb /mnt/t " + key + " && grep kept /mnt/t/file && tomb close t")
		g.ran("tomb", "isLuks", "luksFormat", "luksOpen", "luksDump", "resize", "luksClose")
	})
}
