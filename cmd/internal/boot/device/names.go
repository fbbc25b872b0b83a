// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"path"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/block"
)

// attributes reads what the kernel says of a device: the contents of a file of sysfs, blanks around
// it dropped, "" where there is none.
type attributes func(path string) string

// naming is what the names of a disk are made of.
type naming struct {
	name string // the kernel's
	at   string // device path of the disk, "/devices/pci0000:00/…/block/sda"
	get  attributes
}

// ids are the names that udev's rules (60-persistent-storage) give a disk in /dev/disk/by-id, as far
// as sysfs has what they are made of.
func (n naming) ids() []string {
	var all []string
	add := func(prefix string, parts ...string) {
		for _, p := range parts {
			if p == "" {
				return
			}
		}
		all = append(all, prefix+block.EncodeLinkName(underlined(strings.Join(parts, "_"))))
	}
	of := func(name string) string { return n.get(path.Join(n.at, name)) }
	switch {
	case strings.HasPrefix(n.name, "vd"):
		add("virtio-", of("serial"))
	case strings.HasPrefix(n.name, "nvme"):
		add("nvme-", of("device/model"), of("device/serial"))
		add("nvme-", of("wwid"))
	case strings.HasPrefix(n.name, "mmcblk"):
		add("mmc-", of("device/name"), of("device/serial"))
	case strings.HasPrefix(n.name, "sd"):
		n.scsi(of, add)
	case strings.HasPrefix(n.name, "dm-"):
		add("dm-name-", of("dm/name"))
		add("dm-uuid-", of("dm/uuid"))
	}
	return all
}

func (n naming) scsi(of attributes, add func(string, ...string)) {
	wwid := of("device/wwid")
	if hex, found := strings.CutPrefix(wwid, "naa."); found {
		add("wwn-0x", hex)
		add("scsi-3", hex)
	}
	if usb := n.usb(); usb != "" {
		if serial := n.get(path.Join(usb, "serial")); serial != "" {
			add("usb-", of("device/vendor"), of("device/model"), serial+"-0:0")
		}
		return
	}
	model, serial := ataIdentity(of("device/vpd_pg89"))
	add("ata-", model, serial)
}

// usb is the device path of the USB device that the disk belongs to.
func (n naming) usb() string {
	for at := path.Dir(n.at); strings.Contains(at, "/usb"); at = path.Dir(at) {
		if n.get(path.Join(at, "idVendor")) != "" {
			return at
		}
	}
	return ""
}

// ataIdentity reads model and serial number out of the answer to IDENTIFY DEVICE (ACS-3, words 10 to
// 19 and 27 to 46, two characters to a word and swapped), which is at 60 in page 89h (SAT-3).
func ataIdentity(page string) (model, serial string) {
	const identify = 60
	if len(page) < identify+94 {
		return "", ""
	}
	words := func(from, to int) string {
		text := []byte(page[identify+2*from : identify+2*to+2])
		for i := 0; i+1 < len(text); i += 2 {
			text[i], text[i+1] = text[i+1], text[i]
		}
		return strings.TrimSpace(string(text))
	}
	return words(27, 46), words(10, 19)
}

// underlined replaces each run of blanks by one "_", as udev does.
func underlined(text string) string { return strings.Join(strings.Fields(text), "_") }

// ofPartition adds udev's suffix to the names of a disk.
func ofPartition(names []string, number int) []string {
	var all []string
	for _, name := range names {
		all = append(all, fmt.Sprintf("%s-part%d", name, number))
	}
	return all
}
