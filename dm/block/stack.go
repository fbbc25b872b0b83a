// SPDX-License-Identifier: Apache-2.0

package block

import (
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// Stack is everything that stands on one block device: mappings, arrays and caches above it and its
// partitions, and the mounts of all of them, however deep.
type Stack struct {
	devices map[number]bool
	mounts  []string
}

// StackOn looks what stands on the device of that number, itself included. What cannot be looked at
// is not part of it.
func StackOn(major, minor uint32) Stack { return system.stackOn(number{major, minor}) }

func (r root) stackOn(n number) Stack {
	s := Stack{devices: map[number]bool{}}
	held := map[number]string{}
	r.climb(n, s.devices, held)
	mounts, err := r.mounts(held)
	if err == nil {
		for _, m := range mounts {
			s.mounts = append(s.mounts, m.Name)
		}
	}
	return s
}

// climb adds n, its partitions, and all above them. Partitions count for mounts, not as devices
// with the same bytes.
func (r root) climb(n number, devices map[number]bool, held map[number]string) {
	if devices[n] {
		return
	}
	devices[n], held[n] = true, ""
	dir, err := r.sysDir(n)
	if err != nil {
		return // gone, or nothing that sysfs knows
	}
	tops := above(dir, "")
	for _, partition := range partitions(dir) {
		if p, ok := numberOf(partition); ok {
			held[p] = ""
		}
		tops = append(tops, above(partition, "")...)
	}
	for _, top := range tops {
		r.climb(number{top.Major, top.Minor}, devices, held)
	}
}

// Has tells whether the device of that number is part of the stack.
func (s Stack) Has(major, minor uint32) bool { return s.devices[number{major, minor}] }

// SharesBytes tells whether d and the device that other describes show the same bytes: one stands on
// the other (multipath, RAID 1, a linear mapping), or one is a loop device of the other or of the
// same file, or stands on one. The Major of an image file is 0.
func (d *Device) SharesBytes(other Info) bool {
	backing, err := LoopBacking(other.Path)
	if err == nil && sameTarget(backing, d.path) {
		return true
	}
	if sameTarget(other.Path, d.path) {
		return true
	}
	if !d.block {
		return overLoop(d.path, other)
	}
	if other.Major == 0 {
		return overLoop(other.Path, Info{Major: d.Major(), Minor: d.Minor()})
	}
	if own, ownErr := LoopBacking(d.path); ownErr == nil &&
		(sameTarget(own, other.Path) || err == nil && sameTarget(own, backing)) {
		return true
	}
	return StackOn(d.Major(), d.Minor()).Has(other.Major, other.Minor) ||
		StackOn(other.Major, other.Minor).Has(d.Major(), d.Minor())
}

// overLoop tells whether a device stands on a loop device of that file.
func overLoop(file string, top Info) bool {
	devices, err := Devices()
	if err != nil {
		return false
	}
	for _, d := range devices {
		backing, err := LoopBacking(d.Path)
		if err == nil && sameTarget(backing, file) && StackOn(d.Major, d.Minor).Has(top.Major, top.Minor) {
			return true
		}
	}
	return false
}

func sameTarget(a, b string) bool {
	one, err := os.Stat(a)
	if err != nil {
		return false
	}
	other, err := os.Stat(b)
	return err == nil && os.SameFile(one, other)
}

// Bears tells whether the directory lies on the device, through whatever stands between. On a
// regular file nothing lies.
func (d *Device) Bears(dir string) (bool, error) {
	if !d.block {
		return false, nil
	}
	n, err := fileSystemOf(dir)
	if err != nil {
		return false, err
	}
	stack := StackOn(d.Major(), d.Minor())
	for _, mount := range stack.mounts {
		if m, err := fileSystemOf(mount); err == nil && m == n {
			return true, nil
		}
	}
	return stack.devices[n], nil
}

// fileSystemOf is the number of the device, or of the file system without one, that a path lies on.
func fileSystemOf(path string) (number, error) {
	var st unix.Stat_t
	if err := restart(func() error { return unix.Stat(path, &st) }); err != nil {
		return number{}, &fs.PathError{Op: "stat", Path: path, Err: err}
	}
	return number{unix.Major(uint64(st.Dev)), unix.Minor(uint64(st.Dev))}, nil
}

// Above lists what stands directly on a device or on one of its partitions: device-mapper, md,
// bcache. Unlike Holders it looks through no process.
func Above(major, minor uint32) []Holder {
	dir, err := system.sysDir(number{major, minor})
	if err != nil {
		return nil
	}
	tops := above(dir, "")
	for _, partition := range partitions(dir) {
		tops = append(tops, above(partition, filepath.Base(partition))...)
	}
	return tops
}
