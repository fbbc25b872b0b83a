// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
)

// What every image has, by alias: mapped devices, and the cipher of nearly all
// volumes. Aliases of the crypto API bring the processor's own code along.
var always = []string{"dm_mod", "dm_crypt", "crypto-aes", "crypto-xts"}

// verified is for a root on dm-verity; its hash is SHA-256 unless its maker wanted another one.
var verified = []string{"dm_verity", "crypto-sha256"}

// keyDisk is for a key file on a disk that may be plugged in.
var keyDisk = []string{
	"usb_storage", "uas", "sd_mod", "xhci_pci", "ehci_pci", "vfat", "nls_cp437", "nls_iso8859_1", "nls_ascii",
	"nls_utf8", "ext4",
}

// generic is the hardware that is common.
var generic = []string{
	"virtio_pci", "virtio_mmio", "virtio_blk", "virtio_scsi", "nvme", "ahci", "ata_piix", "sd_mod", "mmc_block",
	"sdhci_pci", "sdhci_acpi",
	"hv_storvsc", "hv_vmbus", "vmw_pvscsi", "mptspi", "xen_blkfront", "usb_storage", "uas",
	"xhci_pci", "ehci_pci", "uhci_hcd", "ohci_pci", "usbhid", "hid_generic", "i8042", "atkbd", "hyperv_keyboard",
	"virtio_input",
	"crypto-cbc", "crypto-ecb", "crypto-essiv", "crypto-sha256", "crypto-serpent", "crypto-twofish",
}

// fileSystems are those of a root whose own is not known.
var fileSystems = []string{"ext4", "xfs", "btrfs", "f2fs"}

// wanted lists the names of the modules that the image needs, each of which the
// kernel has. Only those asked for by name, and the root's file system, must
// exist: what is not there may be built in under a name the lists do not tell.
func (f Facts) wanted(lines []crypttab.Entry) []string {
	w := want{facts: f}
	w.ask(always...)
	if f.Part {
		f.Drivers, f.Modaliases, f.Root.Type = nil, nil, ""
	}
	for _, v := range f.Volumes {
		w.ask(cipherAliases(v.Cipher)...)
	}
	if f.Verity || f.Generic {
		w.ask(verified...)
	}
	w.ask(f.Drivers...)
	w.ask(f.Modaliases...)
	if f.Generic {
		w.ask(generic...)
	}
	if slices.ContainsFunc(lines, needsKeyDisk) {
		w.ask(keyDisk...)
	}
	for kind := range strings.SplitSeq(f.Root.Type, ",") {
		w.ask(kind, "fs-"+kind)
	}
	if (f.Root.Type == "" || f.Root.Type == "auto") && !f.Part {
		w.ask(fileSystems...)
	}
	return w.names
}

func needsKeyDisk(l crypttab.Entry) bool {
	_, _, key := onDevice(l.Key)
	_, _, header := onDevice(l.Options.Header)
	return key || header
}

// want collects names of modules that exist.
type want struct {
	facts Facts
	names []string
}

func (w *want) ask(asked ...string) {
	for _, name := range asked {
		found := w.facts.Index.Match(name)
		if w.facts.Index.Has(name) {
			found = []string{name}
		}
		for _, module := range found {
			if !slices.Contains(w.names, module) {
				w.names = append(w.names, module)
			}
		}
	}
}

// cipherAliases are what the kernel asks for to run a cipher such as
// "aes-cbc-essiv:sha256".
func cipherAliases(cipher string) []string {
	var aliases []string
	for part := range strings.FieldsFuncSeq(cipher, func(r rune) bool {
		return r == '-' || r == ':' || r == '(' ||
			r == ')' || r == ','
	}) {
		aliases = append(aliases, "crypto-"+part)
	}
	return aliases
}
