// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/policy"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/udev"
	"golang.org/x/sys/unix"
)

// Device is what the system says of a block device or an image file.
type Device struct {
	ID        string // "8:16", or the path of an image
	Path      string
	Links     []string // to the node, from udev's database
	Transport string   // "usb", "sata", "nvme", "virtio", …; "image"
	Size      uint64   // bytes
	DiskSeq   uint64
	Removable bool
	ReadOnly  bool
	Members   []string       // arrays, multipath maps and caches above it
	Parts     int            // partitions on it
	Mappings  []block.Holder // crypt mappings above it
	Below     []string       // IDs of the devices it stands on itself
	Key       string         // a name of the hardware, or of the file, that lasts
	Suspended bool           // who reads from it waits until it is resumed
}

// number splits the ID of a block device.
func (d Device) number() (major, minor uint32, ok bool) {
	a, b, found := strings.Cut(d.ID, ":")
	x, err1 := strconv.ParseUint(a, 10, 32)
	y, err2 := strconv.ParseUint(b, 10, 32)
	return uint32(x), uint32(y), found && err1 == nil && err2 == nil
}

func (d Device) subject(uuid string) policy.Subject {
	return policy.Subject{UUID: uuid, Paths: append([]string{d.Path}, d.Links...), Transport: d.Transport}
}

// SubjectOf is what the configuration's sections select a device by.
func SubjectOf(id, uuid string) policy.Subject {
	d, err := machine{}.describe(id)
	if err != nil {
		return policy.Subject{UUID: uuid}
	}
	return d.subject(uuid)
}

// KeyOf is the lasting name of the hardware, or of the image file, of that ID, by which a state that was seen
// names where; "" where there is none.
func KeyOf(id string) string {
	d, err := machine{}.describe(id)
	if err != nil {
		return ""
	}
	return d.Key
}

// PathOf is the node of the device, or the path of the image, that bears that lasting name now; "" for none.
func PathOf(key string) string {
	if strings.HasPrefix(key, "/") {
		return key
	}
	all, _ := block.Devices()
	for _, info := range all {
		if KeyOf(number(info.Major, info.Minor)) == key && key != "" {
			return info.Path
		}
	}
	return ""
}

// machine is the system whose devices are guarded.
type machine struct {
	udev    udev.System
	images  func() []string // patterns
	devices func() ([]block.Info, error)
}

const sysBlock = "/sys/dev/block/"

// list returns the IDs of all devices that there are.
func (m machine) list(ctx context.Context) ([]string, error) {
	var ids []string
	var failed []error
	for e, err := range m.udev.Coldplug(ctx, udev.Match{Subsystem: "block"}) {
		if err != nil {
			failed = append(failed, err)
			continue
		}
		ids = append(ids, idOf(e))
	}
	for _, pattern := range m.images() {
		found, _ := filepath.Glob(pattern)
		ids = append(ids, found...)
	}
	return ids, errors.Join(failed...)
}

func idOf(e udev.Event) string {
	return number(e.Major, e.Minor)
}

// describe reads sysfs. The error is fs.ErrNotExist where the device is gone.
func (m machine) describe(id string) (Device, error) {
	if strings.HasPrefix(id, "/") {
		return describeImage(id)
	}
	e, err := m.udev.Device("/dev/block/" + id)
	if errors.Is(err, udev.ErrNoDevice) {
		return Device{}, fs.ErrNotExist
	}
	if err != nil {
		return Device{}, err
	}
	d := Device{ID: id, Path: e.DevName, DiskSeq: e.DiskSeq, Transport: transport(e.DevPath)}
	if links, found := e.Properties.Get("DEVLINKS"); found {
		d.Links = strings.Fields(links)
	}
	dir := sysBlock + id
	disk := dir
	if block.ReadAttribute(dir, "partition") != "" {
		disk = filepath.Join(dir, "..")
	}
	if d.DiskSeq == 0 {
		d.DiskSeq = unsigned(disk, "diskseq")
	}
	d.Size = unsigned(dir, "size") * 512
	d.ReadOnly = block.ReadAttribute(dir, "ro") == "1"
	d.Removable = block.ReadAttribute(disk, "removable") == "1" || d.Transport == "usb" || d.Transport == "mmc"
	d.stack(dir)
	serial, _ := e.Properties.Get("ID_SERIAL")
	d.Key = d.name(dir, disk, serial)
	d.Suspended = suspended(id, 0)
	return d, nil
}

// name is what the hardware calls itself, and the partition on it. Without a name the device is itself for
// as long as it is attached.
func (d Device) name(dir, disk, serial string) string {
	part := block.ReadAttribute(dir, "partition")
	for _, file := range []string{
		"dm/uuid", "md/uuid", "wwid", "serial", "device/wwid", "device/serial",
		"loop/backing_file",
	} {
		text := block.ReadAttribute(disk, file)
		if offset := block.ReadAttribute(disk, "loop/offset"); text != "" && offset != "0" {
			text += " " + offset
		}
		if text = strings.TrimSpace(text); text != "" {
			return file + " " + text + " " + part
		}
	}
	if serial != "" {
		return "serial " + serial + " " + part
	}
	boot := block.ReadAttribute("/proc/sys/kernel/random", "boot_id")
	return strings.Join([]string{"boot", boot, d.ID, strconv.FormatUint(d.DiskSeq, 10)}, " ")
}

// deepest bounds how far down a stack of mappings is looked.
const deepest = 16

// suspended tells whether the device, or one that it stands on, is a mapping that lets nobody read.
func suspended(id string, depth int) bool {
	dir := sysBlock + id
	if block.ReadAttribute(dir, "dm/suspended") == "1" {
		return true
	}
	below, _ := filepath.Glob(dir + "/slaves/*/dev")
	for _, name := range below {
		if depth < deepest && suspended(block.ReadAttribute(filepath.Dir(name), "dev"), depth+1) {
			return true
		}
	}
	return false
}

func describeImage(path string) (Device, error) {
	info, err := os.Stat(path)
	if err != nil {
		return Device{}, fs.ErrNotExist
	}
	if !info.Mode().IsRegular() {
		return Device{}, fs.ErrNotExist
	}
	d := Device{
		ID: path, Path: path, Transport: "image", Size: uint64(info.Size()),
		ReadOnly: unix.Access(path, unix.W_OK) != nil,
	}
	if d.Key, err = filepath.EvalSymlinks(path); err != nil {
		return Device{}, fs.ErrNotExist
	}
	return d, nil
}

// describe names an image as it was named when a volume was seen in it, whichever link leads to it now.
func (g *Guard) describe(id string) (Device, error) {
	d, err := g.machine.describe(id)
	if err == nil && strings.HasPrefix(d.Key, "/") {
		d.Key = g.store.LinkTo(d.Key)
	}
	return d, err
}

// stack sorts what stands on the device, and finds what it stands on.
func (d *Device) stack(dir string) {
	major, minor, _ := d.number()
	for _, top := range block.Above(major, minor) {
		switch {
		case strings.HasPrefix(top.UUID, "CRYPT-") && top.Partition == "":
			d.Mappings = append(d.Mappings, top)
		case strings.HasPrefix(top.UUID, "mpath-"), strings.HasPrefix(filepath.Base(top.Name), "md"),
			strings.HasPrefix(top.Name, "bcache"):
			d.Members = append(d.Members, top.Name)
		}
	}
	parts, _ := filepath.Glob(dir + "/*/partition")
	d.Parts = len(parts)
	below, _ := filepath.Glob(dir + "/slaves/*/dev")
	for _, name := range below {
		d.Below = append(d.Below, block.ReadAttribute(filepath.Dir(name), "dev"))
	}
	var backing unix.Stat_t
	file := block.ReadAttribute(dir, "loop/backing_file")
	if unix.Stat(file, &backing) == nil && backing.Mode&unix.S_IFMT == unix.S_IFBLK {
		d.Below = append(d.Below, number(unix.Major(uint64(backing.Rdev)), unix.Minor(uint64(backing.Rdev))))
	}
}

// standsOn tells whether the device stands on one of that lasting name, which is no member of an array or the like:
// then it is one of those who use that one.
func (m machine) standsOn(d Device, key string, depth int) bool {
	for _, id := range d.Below {
		lower, err := m.describe(id)
		if err == nil && len(lower.Members) == 0 && depth < deepest &&
			(lower.Key == key || m.standsOn(lower, key, depth+1)) {
			return true
		}
	}
	return false
}

// transport reads the path of the device below /sys: the buses between the processor and the disk.
func transport(devpath string) string {
	for _, bus := range []struct{ part, name string }{
		{"/usb", "usb"},
		{"/mmc", "mmc"},
		{"/nvme", "nvme"},
		{"/ata", "sata"},
		{"/virtio", "virtio"},
		{"/vbd-", "xen"},
		{"/virtual/block/loop", "loop"},
		{"/virtual/block/dm-", "dm"},
		{"/virtual/block/md", "md"},
		{"/host", "scsi"},
	} {
		if strings.Contains(devpath, bus.part) {
			return bus.name
		}
	}
	return "other"
}

func unsigned(dir, name string) uint64 {
	n, _ := strconv.ParseUint(block.ReadAttribute(dir, name), 10, 64)
	return n
}
