// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"io"
	"slices"
	"time"
)

// Config says what a machine is made of. The zero value is a machine with one
// GiB of memory, two processors, no disks and no programs.
type Config struct {
	Arch   string // "amd64" when empty, or ARM64
	Memory int    // MiB, 1024 when zero
	CPUs   int    // 2 when zero

	// Modules are kernel modules put into the guest together with what they
	// depend on; the kernel loads them when something asks for them.
	Modules []string
	// Load names modules that are loaded at boot, in this order.
	Load []string

	// Debian, when not nil, gives the guest a small Debian with these packages
	// as its root, on a disk of its own; see DebianRoot. What runs inside writes
	// to an overlay, so each machine begins with the same root. Programs must
	// then be empty: name the package instead.
	Debian []string

	// Programs of the host copied into the guest with their shared libraries,
	// as names looked up in PATH or as absolute paths.
	Programs []string
	// Peers are Debian releases whose cryptsetup is put into the guest: see Peer.
	Peers []string
	// Build lists Go packages of this module to build statically; each binary
	// is in the guest's /usr/bin under the last element of its path.
	Build []string
	// Files maps paths in the guest to files or directories of the host.
	Files map[string]string
	// Links maps paths in the guest to the targets of symbolic links.
	Links map[string]string

	Disks []Disk
	// Slots is how many disks can be plugged in at once while the machine
	// runs; 4 when zero.
	Slots int

	// KernelArgs are added to the kernel's command line.
	KernelArgs []string
	// QEMUArgs are added to QEMU's.
	QEMUArgs []string
	// Env is added to the environment of what runs inside.
	Env []string

	// Initramfs replaces the whole initial file system by a file of the
	// caller's. Such a machine has no control channel: Boot returns as soon as
	// QEMU runs, and the test speaks to it through Console.
	Initramfs string

	// Console receives what the guest writes to its serial port, besides the
	// tail that is always kept.
	Console io.Writer

	// BootTimeout bounds the time to the first answer of the guest on a quiet
	// machine (see package pace); 60 s when zero.
	BootTimeout time.Duration
	// TestTimeout bounds the time of one test inside; when zero, only the test
	// binary's own deadline does.
	TestTimeout time.Duration
}

// Disk is a virtio disk backed by a sparse file.
type Disk struct {
	Name string // at most 20 bytes; the disk's serial number in the guest
	Size int64  // bytes

	LogicalSector  int // bytes, 512 when zero
	PhysicalSector int // bytes, LogicalSector when zero

	// File is a file of the host to use instead of a new sparse one; it is
	// written to. Size 0 then means the file's own.
	File     string `json:",omitempty"`
	ReadOnly bool   `json:",omitempty"`
	// Base is a file of the host that the disk begins as a copy of; what is
	// written goes to an overlay. Size 0 then means the file's own.
	Base string `json:",omitempty"`
	// Port puts a disk of the first boot on a port it can be unplugged from.
	Port bool `json:",omitempty"`
}

const maxSerial = 20 // VIRTIO_BLK_ID_BYTES

func (c Config) withDefaults() Config {
	c.Arch = orDefault(c.Arch, amd64)
	c.Memory = orDefault(c.Memory, 1024)
	c.CPUs = orDefault(c.CPUs, 2)
	c.Slots = orDefault(c.Slots, 4)
	c.BootTimeout = orDefault(c.BootTimeout, 60*time.Second)
	c.Disks = slices.Clone(c.Disks)
	for i := range c.Disks {
		c.Disks[i] = c.Disks[i].withDefaults()
	}
	return c
}

func (d Disk) withDefaults() Disk {
	d.LogicalSector = orDefault(d.LogicalSector, 512)
	d.PhysicalSector = orDefault(d.PhysicalSector, d.LogicalSector)
	return d
}

// format is how QEMU reads the disk's file.
func (d Disk) format() string {
	if d.Base != "" {
		return "qcow2"
	}
	return "raw"
}

func (d Disk) check() error {
	switch {
	case d.Name == "" || len(d.Name) > maxSerial:
		return fmt.Errorf("machine: disk name %q: 1 to %d bytes", d.Name, maxSerial)
	case d.File != "" && d.Base != "":
		return fmt.Errorf("machine: disk %s: a file and a base", d.Name)
	case d.Size < 0 || d.Size == 0 && d.File == "" && d.Base == "":
		return fmt.Errorf("machine: disk %s: no size", d.Name)
	case d.LogicalSector > 0 && d.Size%int64(d.LogicalSector) != 0:
		return fmt.Errorf("machine: disk %s: size %d is not a multiple of %d", d.Name, d.Size, d.LogicalSector)
	}
	return nil
}

func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}
