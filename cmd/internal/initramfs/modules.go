// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/tools"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/veritytab"
	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// What every image has: mapped devices, and the cipher of nearly all volumes.
var always = []string{"dm_mod", "dm_crypt"}

const usualCipher = "aes-xts-plain64"

// verified is for a root on dm-verity; its hash is SHA-256 unless its maker wanted another one.
var verified = []string{"dm_verity", "crypto-sha256"}

// bitlocker is for such a volume: zeros in place of its metadata, and what its older methods are made of.
var bitlocker = []string{"dm_zero", "crypto-cbc", "crypto-ecb"}

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
	"crypto-essiv", "crypto-sha256", "crypto-serpent", "crypto-twofish",
	"dm_integrity", "crypto-authenc", "crypto-hmac", "crypto-gcm", "crypto-ctr", "crypto-ghash",
}

// fileSystems are those of a root whose own is not known.
var fileSystems = []string{"ext4", "xfs", "btrfs", "f2fs"}

// imageFileSystems are those that are made for images, besides.
var imageFileSystems = []string{"squashfs", "erofs"}

// wanted lists the names of the modules that the image needs, each of which the
// kernel has. Only those asked for by name, and the root's file system, must
// exist: what is not there may be built in under a name the lists do not tell.
func (f Facts) wanted(lines []crypttab.Entry, images []veritytab.Entry) []string {
	w := want{facts: f}
	w.ask(always...)
	w.ask(sector.KernelModules(usualCipher)...)
	if f.Part {
		f.Drivers, f.Modaliases, f.Root.Type = nil, nil, ""
	}
	for _, v := range f.Volumes {
		w.ask(sector.KernelModules(v.Cipher)...)
		if strings.HasPrefix(v.Cipher, "capi:gcm(") {
			w.ask("crypto-ctr", "crypto-ghash")
		}
	}
	// An image of another program is often made where the root is no verified image yet.
	if len(f.Verity) > 0 || len(images) > 0 || f.Generic || f.Part {
		w.ask(verified...)
		for _, e := range images {
			if hash, named := e.Value("hash"); named {
				w.ask("crypto-" + hash)
			}
		}
	}
	w.ask(f.Drivers...)
	w.ask(f.Modaliases...)
	if f.Generic {
		for _, name := range f.Tools {
			w.ask(tools.Named(name).Modules...)
		}
		w.ask(generic...)
		w.ask(sector.BootModules()...)
	}
	if slices.ContainsFunc(lines, isRemote) && !f.Part {
		w.ask("af_packet")
		w.ask(f.Remote.Drivers...)
		w.ask(f.Remote.Modaliases...)
		if f.Generic {
			w.ask(network...)
		}
	}
	if slices.ContainsFunc(lines, isTcrypt) {
		for _, cipher := range tcrypt.Specifications() {
			w.ask(sector.KernelModules(cipher)...)
		}
	}
	if slices.ContainsFunc(lines, isBitlk) {
		w.ask(bitlocker...)
	}
	if slices.ContainsFunc(lines, needsKeyDisk) {
		w.ask(keyDisk...)
	}
	for kind := range strings.SplitSeq(f.Root.Type, ",") {
		w.ask(kind, "fs-"+kind)
	}
	if (f.Root.Type == "" || f.Root.Type == "auto") && !f.Part {
		w.ask(fileSystems...)
		w.ask(imageFileSystems...)
	}
	return w.names
}

// isTcrypt: which ciphers such a volume has, only its passphrase tells.
func isTcrypt(l crypttab.Entry) bool { return l.Options.Type == crypttab.Tcrypt }

func isBitlk(l crypttab.Entry) bool { return l.Options.Type == crypttab.Bitlk }

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
