// SPDX-License-Identifier: Apache-2.0

package block

import (
	"os"
	"path/filepath"
	"sort"

	"github.com/orthrus-luks/orthrus/dm/folder"
)

// Face is a block device under which the bytes of another device or file are also reached.
type Face struct {
	Major, Minor uint32
	Offset       int64 // where its first byte lies, in bytes of the other one; negative before its start
}

// Faces lists the block devices that show the bytes of d: itself, where it is one, the disk that it is
// a partition of, its partitions, and loop devices over it, loops over loops included. Only those in
// sysfs are known; files are told apart by path.
func (d *Device) Faces() ([]Face, error) {
	var own *number
	if d.block {
		own = &number{d.Major(), d.Minor()}
	}
	path, err := filepath.Abs(d.path)
	if err != nil {
		return nil, &PathError{Op: "resolve", Path: d.path, Err: err}
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return system.faces(own, path)
}

func (r root) faces(own *number, path string) ([]Face, error) {
	var all []Face
	if own != nil {
		dir, err := r.sysDir(*own)
		if err != nil {
			return nil, &PathError{Op: "resolve", Path: path, Err: err}
		}
		all = append(all, Face{own.major, own.minor, 0})
		all = append(all, diskFaces(dir)...)
	}
	loops, err := r.loopFaces(path)
	return append(all, loops...), err
}

// diskFaces are the disk of a partition, or the partitions of a disk. sysfs counts 512-byte sectors.
func diskFaces(dir string) (all []Face) {
	add := func(dir string, offset int64) {
		if n, ok := numberOf(dir); ok {
			all = append(all, Face{n.major, n.minor, offset})
		}
	}
	if disk := wholeDisk(dir); disk != dir {
		add(disk, -integer(dir, "start")*512)
	}
	for _, partition := range partitions(dir) {
		add(partition, integer(partition, "start")*512)
	}
	return all
}

// loopFaces finds the loop devices over the file or node at path, and those over them.
func (r root) loopFaces(path string) ([]Face, error) {
	class := r.path("sys/class/block")
	entries, err := folder.Names(class)
	if os.IsNotExist(err) {
		return nil, nil
	}
	if err != nil {
		return nil, &PathError{Op: "resolve", Path: class, Err: err}
	}
	var all []Face
	seen := map[string]int64{path: 0}
	for grown := true; grown; {
		grown = false
		for _, entry := range entries {
			node := r.path("dev", entry)
			if _, known := seen[node]; known {
				continue
			}
			f, under, ok := loopFace(filepath.Join(class, entry))
			below, known := seen[under]
			if !ok || !known {
				continue
			}
			f.Offset += below
			seen[node], grown = f.Offset, true
			all = append(all, f)
		}
	}
	sort.Slice(all, func(i, j int) bool { return all[i].Minor < all[j].Minor })
	return all, nil
}

func loopFace(link string) (f Face, under string, ok bool) {
	dir, err := filepath.EvalSymlinks(link)
	if err != nil {
		return f, "", false
	}
	under = ReadAttribute(dir, "loop/backing_file")
	n, known := numberOf(dir)
	return Face{n.major, n.minor, integer(dir, "loop/offset")}, under, known && under != ""
}

// Above lists the block devices on top of one, as sysfs shows them: device-mapper, md, bcache.
func (f Face) Above() []Holder {
	dir, err := system.sysDir(number{f.Major, f.Minor})
	if err != nil {
		return nil
	}
	return above(dir, "")
}
