// SPDX-License-Identifier: Apache-2.0

package device

import (
	"fmt"
	"path"
	"strings"
)

// ports are names in /dev/disk/by-path: where on the PCI bus the disk is, and behind what.
func (n naming) ports() []string {
	steps := strings.Split(n.at, "/")
	slot := last(steps, isPCISlot)
	if slot == "" {
		return nil
	}
	slot = "pci-" + slot
	switch {
	case strings.HasPrefix(n.name, "vd"):
		return []string{slot, "virtio-" + slot}
	case strings.HasPrefix(n.name, "nvme"):
		return []string{slot + "-nvme-" + n.get(path.Join(n.at, "nsid"))}
	case last(steps, isATAPort) != "":
		return n.ataPorts(slot, steps)
	}
	unit := scsiUnit(steps)
	if unit == "" {
		return nil
	}
	if _, port, isUSB := strings.Cut(last(steps, isUSBInterface), "-"); isUSB {
		return []string{fmt.Sprintf("%s-usb-0:%s-scsi-0:%s", slot, port, unit)}
	}
	return []string{slot + "-scsi-0:" + unit}
}

// ataPorts: udev counts ports from the first of the controller, where the kernel numbers them on.
func (n naming) ataPorts(slot string, steps []string) []string {
	name := last(steps, isATAPort)
	before, _, _ := strings.Cut(n.at, "/"+name+"/")
	port := n.get(path.Join(before, name, "ata_port", name, "port_no"))
	if port == "" {
		return nil
	}
	return []string{slot + "-ata-" + port, slot + "-ata-" + port + ".0"}
}

// last is the step of a device path that is nearest to the device and of that kind; "" without one.
func last(steps []string, kind func(string) bool) string {
	for i := len(steps) - 1; i >= 0; i-- {
		if kind(steps[i]) {
			return steps[i]
		}
	}
	return ""
}

// scsiUnit is channel, target and unit of "…/targetH:C:T/H:C:T:L/…".
func scsiUnit(steps []string) string {
	for i := 1; i < len(steps); i++ {
		address := strings.Split(steps[i], ":")
		if strings.HasPrefix(steps[i-1], "target") && len(address) == 4 && madeOf(steps[i], decimal+":") {
			return strings.Join(address[1:], ":")
		}
	}
	return ""
}

const (
	decimal     = "0123456789"
	hexadecimal = decimal + "abcdef"
)

// isPCISlot knows "0000:00:1f.2".
func isPCISlot(step string) bool {
	domain, rest, _ := strings.Cut(step, ":")
	bus, rest, _ := strings.Cut(rest, ":")
	device, function, found := strings.Cut(rest, ".")
	return found && len(domain) >= 4 && madeOf(domain, hexadecimal) && len(bus) == 2 && madeOf(bus, hexadecimal) &&
		len(device) == 2 && madeOf(device, hexadecimal) && len(function) == 1 && madeOf(function, "01234567")
}

// isATAPort knows "ata3".
func isATAPort(step string) bool {
	number, found := strings.CutPrefix(step, "ata")
	return found && madeOf(number, decimal)
}

// isUSBInterface knows "1-2.1:1.0": bus, ports, configuration and interface.
func isUSBInterface(step string) bool {
	bus, rest, _ := strings.Cut(step, "-")
	ports, rest, _ := strings.Cut(rest, ":")
	configuration, number, found := strings.Cut(rest, ".")
	return found && madeOf(bus, decimal) && madeOf(ports, decimal+".") && madeOf(configuration, decimal) &&
		madeOf(number, decimal)
}

// madeOf tells that text is not empty and has only those characters.
func madeOf(text, characters string) bool { return text != "" && strings.Trim(text, characters) == "" }
