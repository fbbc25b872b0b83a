// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/orthrus-luks/orthrus/dm/folder"
)

// HolderKind says in which way a device is in use.
type HolderKind int

const (
	// HolderDevice is a block device on top: device-mapper, md, bcache.
	HolderDevice HolderKind = iota
	// HolderMount is a mounted file system.
	HolderMount
	// HolderSwap is active swap space.
	HolderSwap
	// HolderProcess has the device open.
	HolderProcess
)

func (k HolderKind) String() string {
	return [...]string{"device", "mount", "swap", "process"}[k]
}

// Holder is one user of a device or of one of its partitions.
type Holder struct {
	Kind HolderKind
	// Name is the device-mapper or kernel name, the mount point, the swap's path, or the
	// process's command.
	Name string
	// Partition is the kernel name of the partition that is held, "" for the device itself.
	Partition string
	// Major and Minor are those of a HolderDevice, from which its own holders can be asked.
	Major, Minor uint32
	// UUID is the device-mapper uuid of a HolderDevice.
	UUID string
	// PID of a HolderProcess, as seen in this process's /proc.
	PID int
}

// Holders tells who uses a block device, its partitions included: devices on top, mounts of this
// mount namespace, swap, and other processes that have it open. Mounts, swap and processes are
// what /proc lets this process see. No holder is an empty list; an unknown device is
// fs.ErrNotExist.
func Holders(major, minor uint32) ([]Holder, error) {
	return system.holders(number{major, minor})
}

func (r root) holders(n number) ([]Holder, error) {
	return r.lookedFor(n, r.mounts, r.swaps, r.openers)
}

// Users tells who keeps others from the device, as the kernel would for an exclusive open: devices on
// top, mounts of this mount namespace and swap, of its partitions too. A file has none.
func (d *Device) Users() ([]Holder, error) {
	if !d.block {
		return nil, nil
	}
	return system.lookedFor(number{d.Major(), d.Minor()}, system.mounts, system.swaps)
}

// lookedFor lists what is on top of a device, and what the looks find.
func (r root) lookedFor(n number, looks ...func(map[number]string) ([]Holder, error)) ([]Holder, error) {
	dir, err := r.sysDir(n)
	if err != nil {
		return nil, &PathError{Op: "resolve", Path: n.String(), Err: err}
	}
	held := map[number]string{n: ""} // the device and its partitions
	all := above(dir, "")
	for _, partition := range partitions(dir) {
		name := filepath.Base(partition)
		if number, ok := numberOf(partition); ok {
			held[number] = name
		}
		all = append(all, above(partition, name)...)
	}
	for _, look := range looks {
		found, err := look(held)
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return all, &PathError{Op: "resolve", Path: n.String(), Err: err}
		}
		all = append(all, found...)
	}
	return all, nil
}

// above lists what sysfs shows on top of one device.
func above(dir, partition string) (found []Holder) {
	entries, err := folder.Names(filepath.Join(dir, "holders"))
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		top := filepath.Join(dir, "holders", entry)
		n, _ := numberOf(top)
		h := Holder{
			Kind: HolderDevice, Name: nodeName(top), Partition: partition, Major: n.major, Minor: n.minor,
			UUID: ReadAttribute(top, "dm/uuid"),
		}
		if name := ReadAttribute(top, "dm/name"); name != "" {
			h.Name = name
		}
		found = append(found, h)
	}
	return found
}

// partitions lists the sysfs directories of a disk's partitions.
func partitions(dir string) (found []string) {
	entries, err := folder.Names(dir)
	if err != nil {
		return nil
	}
	for _, entry := range entries {
		sub := filepath.Join(dir, entry)
		info, err := os.Lstat(sub)
		if err == nil && info.IsDir() && ReadAttribute(sub, "partition") != "" {
			found = append(found, sub)
		}
	}
	return found
}
