// SPDX-License-Identifier: Apache-2.0

package initramfs

import "testing"

func TestRootIsReadFromMountinfo(t *testing.T) {
	const info = `1 1 0:2 / / rw - rootfs none rw
24 1 254:1 / / rw,relatime shared:1 - ext4 /dev/mapper/vg-root rw
25 24 254:2 / /usr ro - xfs /dev/mapper/usr ro
26 24 0:5 / /dev rw - devtmpfs udev rw
`
	if m, number := mountedAt("/", info); m != (Mount{Source: "/dev/mapper/vg-root", Type: "ext4"}) || number != "254:1" {
		t.Errorf("%+v %s", m, number)
	}
	if m, number := mountedAt("/usr", info); m != (Mount{Source: "/dev/mapper/usr", Type: "xfs"}) || number != "254:2" {
		t.Errorf("%+v %s", m, number)
	}
	if _, number := mountedAt("/home", info); number != "" {
		t.Errorf("%s", number)
	}
}

func TestHeaderUUIDIsReadFromTheMapping(t *testing.T) {
	for uuid, want := range map[string]string{
		"CRYPT-LUKS2-0123456789abcdef0123456789abcdef-sealed": "01234567-89ab-cdef-0123-456789abcdef",
		"CRYPT-LUKS1-0123456789abcdef0123456789abcdef-a-b-c":  "01234567-89ab-cdef-0123-456789abcdef",
		"CRYPT-PLAIN-swap":       "",
		"CRYPT-LUKS2-short-x":    "",
		"LVM-0123456789abcdef01": "",
		"":                       "",
	} {
		if got := headerUUID(uuid); got != want {
			t.Errorf("%s: %q", uuid, got)
		}
	}
}
