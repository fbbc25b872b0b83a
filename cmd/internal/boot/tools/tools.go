// SPDX-License-Identifier: Apache-2.0

// Package tools knows the programs that start what may lie between a disk and
// the root beside encrypted volumes: LVM's volume groups and md's arrays. An
// image has those of the machine it was made for; this package says what each
// needs, when it has work, and how it is called. It is pure but for Find.
package tools

import (
	"os"
	"slices"
	"strings"
)

// Tool is such a program.
type Tool struct {
	Name     string // of the program
	Package  string // that has it, in most distributions
	Contents string // of a device that it makes something of, in blkid's words
	// Config are files that it reads, each of which may be absent.
	Config []string
	// Modules are for arrays that are not known yet.
	Modules []string
	// each: it is called for one device at a time.
	each bool
	// start makes what is complete, and rest what is not but can do without.
	start, rest []string
}

// All are the tools there are. No udevd runs beside them. An array that bears
// another name than the host's is not another machine's, and keeps its own name:
// an initial file system does not know what the host is called.
var All = []*Tool{
	{
		Name: "mdadm", Package: "mdadm", Contents: "linux_raid_member", each: true,
		Config:  []string{"/etc/mdadm/mdadm.conf", "/etc/mdadm.conf"},
		Modules: []string{"raid0", "raid1", "raid10", "raid456"},
		start:   []string{"--incremental", "--quiet", "--homehost=<ignore>"},
		rest:    []string{"--incremental", "--run", "--scan"},
	},
	{
		Name: "lvm", Package: "lvm2", Contents: "LVM2_member",
		Config:  []string{"/etc/lvm/lvm.conf", "/etc/lvm/lvmlocal.conf"},
		Modules: []string{"dm_mirror", "dm_snapshot", "dm_raid", "raid0", "raid1", "raid10"},
		start:   []string{"vgchange", "-aay", "--sysinit", "--noudevsync", "--activationmode", "complete"},
		rest:    []string{"vgchange", "-aay", "--sysinit", "--noudevsync", "--activationmode", "degraded"},
	},
}

// Named is the tool of that name, nil where there is none.
func Named(name string) *Tool {
	for _, t := range All {
		if t.Name == name {
			return t
		}
	}
	return nil
}

// Find is the program's path below a directory, "" where it is not installed.
func (t *Tool) Find(root string) string {
	for _, dir := range []string{"/usr/sbin/", "/sbin/", "/usr/bin/"} {
		if _, err := os.Stat(root + dir + t.Name); err == nil {
			return dir + t.Name
		}
	}
	return ""
}

// Start lists the calls that make something of devices, without the program.
func (t *Tool) Start(nodes []string) [][]string {
	if !t.each {
		return [][]string{t.start}
	}
	var calls [][]string
	for _, node := range nodes {
		calls = append(calls, append(t.start[:len(t.start):len(t.start)], node))
	}
	return calls
}

// Rest is the call that starts what some devices are missing of, where that can
// be done without harm.
func (t *Tool) Rest() []string { return t.rest }

// foldersOfDisks are those in /dev that are no volume group.
var foldersOfDisks = []string{"mapper", "disk", "block", "cciss", "ida", "rd", "loop"}

// ForName is the name of the tool that makes a device of that path, "" for none.
// mapped tells which mappings are encrypted or verified ones.
func ForName(path string, mapped func(name string) bool) string {
	const byID = "/dev/disk/by-id/"
	path = strings.Trim(path, `"`)
	switch {
	case strings.HasPrefix(path, "/dev/md"), strings.HasPrefix(path, byID+"md-"):
		return "mdadm"
	case strings.HasPrefix(path, byID+"dm-uuid-LVM-"):
		return "lvm"
	}
	name, inDev := strings.CutPrefix(path, "/dev/")
	folder, volume, inFolder := strings.Cut(name, "/")
	switch {
	case !inDev || !inFolder || strings.Contains(volume, "/"):
		return ""
	case folder == "mapper" && strings.Contains(volume, "-") && !mapped(volume),
		!slices.Contains(foldersOfDisks, folder):
		return "lvm"
	}
	return ""
}

// ofLVM are parts of names that LVM keeps for what volumes are made of.
var ofLVM = []string{
	"_cdata", "_cmeta", "_corig", "_cvol", "_imeta", "_iorig", "_mimage", "_mlog", "_pmspare", "_rimage", "_rmeta",
	"_tdata", "_tmeta", "_vdata", "_vorigin", "_wcorig",
}

// LogicalVolume reads name and uuid of a mapping: the path that LVM gives it,
// "/dev/VG/LV", or that it is a hidden part of a volume. Neither is LVM's no
// mapping of LVM. In a name "-" is between group, volume and layer, and "--" is "-".
func LogicalVolume(name, uuid string) (path string, hidden bool) {
	const ids = 64 // digits of the uuids of group and volume, before a layer's name
	id, is := strings.CutPrefix(uuid, "LVM-")
	if !is {
		return "", false
	}
	group, volume, _ := strings.Cut(strings.ReplaceAll(name, "--", "\x00"), "-")
	hidden = len(id) > ids || strings.Contains(volume, "-")
	for _, part := range ofLVM {
		hidden = hidden || strings.Contains(name, part)
	}
	if hidden {
		return "", true
	}
	return strings.ReplaceAll("/dev/"+group+"/"+volume, "\x00", "-"), false
}
