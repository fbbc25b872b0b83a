// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/guard/verdict"
	"github.com/orthrus-luks/orthrus/dm/block"
	"golang.org/x/sys/unix"
)

// users lists who uses the device or a part of it, as far as sysfs and /proc tell without a look at other
// processes: who has claimed it otherwise is found by opening it with O_EXCL.
func (d Device) users() []verdict.User {
	var list []verdict.User
	major, minor, isBlock := d.number()
	if isBlock {
		for _, top := range block.Above(major, minor) {
			list = append(list, holder(top))
		}
	}
	list = append(list, loopsOver(d)...)
	nodes := d.nodes()
	list = append(list, inTable("/proc/swaps", verdict.Swap, 0, nodes)...)
	for _, table := range []string{"/proc/self/mountinfo", "/proc/1/mountinfo"} {
		list = append(list, mounts(table, nodes)...)
	}
	return list
}

func holder(top block.Holder) verdict.User {
	u := verdict.User{Kind: verdict.Array, Name: top.Name, UUID: top.UUID}
	if strings.HasPrefix(filepath.Base(top.Name), "md") || strings.HasPrefix(top.Name, "bcache") {
		return u
	}
	if _, err := os.Stat(sysBlock + number(top.Major, top.Minor) + "/dm"); err == nil || top.UUID != "" {
		u.Kind = verdict.Mapped
	}
	if top.Partition != "" {
		u.UUID = "" // on a partition, and so not of what lies on the whole
	}
	return u
}

// node tells a device, or an image, from its path in a table.
type node struct {
	numbers map[string]bool // of the device and its partitions
	path    string          // of an image
}

func (d Device) nodes() node {
	n := node{numbers: map[string]bool{}}
	if _, _, isBlock := d.number(); !isBlock {
		n.path = d.Path
		return n
	}
	n.numbers[d.ID] = true
	parts, _ := filepath.Glob(sysBlock + d.ID + "/*/partition")
	for _, p := range parts {
		n.numbers[block.ReadAttribute(filepath.Dir(p), "dev")] = true
	}
	return n
}

// is tells whether the path names the device. Others than nodes and the image are not looked at: they may
// lie on a file system that does not answer.
func (n node) is(path string) bool {
	if n.path != "" {
		return path == n.path
	}
	var st unix.Stat_t
	if !strings.HasPrefix(path, "/dev/") || unix.Stat(path, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFBLK {
		return false
	}
	return n.numbers[number(unix.Major(uint64(st.Rdev)), unix.Minor(uint64(st.Rdev)))]
}

// inTable lists the lines of a table that have the device in that field.
func inTable(table string, kind verdict.UserKind, field int, n node) (list []verdict.User) {
	text, _ := os.ReadFile(table)
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) > field && n.is(unescape(fields[field])) {
			list = append(list, verdict.User{Kind: kind, Name: unescape(fields[field])})
		}
	}
	return list
}

// mounts reads mountinfo (proc(5)): "36 35 98:0 /root /mnt opts - type source super".
func mounts(table string, n node) (list []verdict.User) {
	text, _ := os.ReadFile(table)
	for line := range strings.Lines(string(text)) {
		before, after, _ := strings.Cut(line, " - ")
		fields, source := strings.Fields(before), strings.Fields(after)
		if len(fields) > 4 && (n.numbers[fields[2]] || len(source) > 1 && n.is(unescape(source[1]))) {
			list = append(list, verdict.User{Kind: verdict.Mount, Name: unescape(fields[4])})
		}
	}
	return list
}

// part is a part of a file, which a loop device shows or an image is, however it is called where one looks.
type part struct {
	device, inode uint64
	from, to      uint64 // bytes
}

// partOf is that of the loop device of that path.
func partOf(loop string) (p part, ok bool) {
	fd, err := unix.Open(loop, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return p, false
	}
	defer unix.Close(fd)
	info, err := unix.IoctlLoopGetStatus64(fd)
	if err != nil {
		return p, false
	}
	p = part{info.Device, info.Inode, info.Offset, math.MaxUint64}
	if info.Sizelimit > 0 {
		p.to = info.Offset + info.Sizelimit
	}
	return p, true
}

// part is what the device is a part of: its own file, or the one behind it.
func (d Device) part() (part, bool) {
	if _, _, isBlock := d.number(); isBlock {
		if d.Transport != "loop" {
			return part{}, false
		}
		return partOf(d.Path)
	}
	var st unix.Stat_t
	err := unix.Stat(d.Path, &st)
	return part{uint64(st.Dev), st.Ino, 0, math.MaxUint64}, err == nil
}

func (p part) overlaps(o part) bool {
	return p.device == o.device && p.inode == o.inode && p.from < o.to && o.from < p.to
}

// loopsOver lists the loop devices that show the device's bytes, or a part of them.
func loopsOver(d Device) (list []verdict.User) {
	backings, _ := filepath.Glob("/sys/block/loop*/loop/backing_file")
	n := d.nodes()
	var own part
	partial := false
	if len(backings) > 0 {
		own, partial = d.part()
	}
	for _, path := range backings {
		dir := filepath.Dir(path)
		loop := filepath.Base(filepath.Dir(dir))
		other, shown := partOf("/dev/" + loop)
		beside := partial && shown && "/dev/"+loop != d.Path && own.overlaps(other)
		if beside || n.is(block.ReadAttribute(dir, "backing_file")) {
			list = append(list, verdict.User{Kind: verdict.Loop, Name: loop})
		}
	}
	return list
}

// unescape undoes the octal escapes of /proc's tables that paths have.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace(s)
}

// mappedAnywhere tells whether a mapping of the volume is active on any device.
func mappedAnywhere(uuid string) bool {
	names, _ := filepath.Glob("/sys/block/dm-*/dm/uuid")
	for _, name := range names {
		volume := verdict.VolumeOf(block.ReadAttribute(filepath.Dir(name), "uuid"))
		if volume != "" && verdict.Bare(volume) == verdict.Bare(uuid) {
			return true
		}
	}
	return false
}
