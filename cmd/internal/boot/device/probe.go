// SPDX-License-Identifier: Apache-2.0

package device

import (
	"path/filepath"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/partition"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/tools"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/folder"
	"github.com/orthrus-luks/orthrus/luks/signature"
	"github.com/orthrus-luks/orthrus/udev"
)

// prober looks at devices.
type prober struct {
	system udev.System
	// arrays: a part of an array is nothing else, though a mirror's shows what the array holds. Where nobody is here to
	// start one, what looks like a part may be what is left of it.
	arrays bool
}

// assembles tells that this program has arrays started: no udevd does, and there is what starts them.
func assembles(system udev.System) bool {
	return !system.UdevRunning() && tools.Named("mdadm").Find(system.Root) != ""
}

func (p prober) sys(path string) string { return filepath.Join("/", p.system.Root, "sys", path) }

func (p prober) attribute(path string) string {
	return block.ReadAttribute(p.sys(""), path)
}

// probe reads everything about a device from sysfs and from the device itself. Of a device that
// cannot be opened or read, the names that need neither are left.
func (p prober) probe(e udev.Event) Identity {
	i := Identity{Node: e.DevName, Name: filepath.Base(e.DevPath), Major: e.Major, Minor: e.Minor, DiskSeq: e.DiskSeq}
	if links, ok := e.Properties.Get("DEVLINKS"); ok {
		i.Links = strings.Fields(links)
	}
	disk, number := p.disk(e)
	n := naming{name: filepath.Base(disk), at: disk, get: p.attribute}
	i.IDs, i.Ports, i.Serial = n.ids(), n.ports(), p.attribute(disk+"/serial")
	if number > 0 {
		i.IDs, i.Ports, i.Serial = ofPartition(i.IDs, number), ofPartition(i.Ports, number), ""
		p.table(&i, disk, number)
	}
	hidden := false
	if name := p.attribute(e.DevPath + "/dm/name"); name != "" {
		i.unmapped = p.attribute(e.DevPath+"/size") == "0"
		i.Links = append(i.Links, "/dev/mapper/"+name)
		var volume string
		if volume, hidden = tools.LogicalVolume(name, p.attribute(e.DevPath+"/dm/uuid")); volume != "" {
			i.Links = append(i.Links, volume)
		}
	}
	i.Held = p.held(e.DevPath)
	if p.readable(e.DevPath) && !p.mirrors(e.DevPath) && !hidden {
		p.contents(&i)
	}
	return i
}

// mirrors: a partition from sector 0, which is what mkfs.fat writes into the table of a stick that it
// formats whole. What lies there is the disk's, and not that of a twin.
func (p prober) mirrors(path string) bool { return p.attribute(path+"/start") == "0" }

// disk is the device path of the disk that a partition lies on and its number there; a disk is its
// own, with number 0.
func (p prober) disk(e udev.Event) (string, int) {
	number, err := strconv.Atoi(p.attribute(e.DevPath + "/partition"))
	if err != nil {
		return e.DevPath, 0
	}
	return filepath.Dir(e.DevPath), number
}

// readable: not empty, as a drive without a medium is, and not suspended, as reads would then hang.
func (p prober) readable(path string) bool {
	size := p.attribute(path + "/size")
	return size != "" && size != "0" && p.attribute(path+"/dm/suspended") != "1"
}

// held tells that another device is made of this one.
func (p prober) held(path string) bool {
	holders, err := folder.Names(p.sys(path + "/holders"))
	return err == nil && len(holders) > 0
}

// table reads the partition's own names.
func (p prober) table(i *Identity, disk string, number int) {
	node, err := p.system.Device(disk)
	if err != nil || node.DevName == "" {
		return
	}
	dev, err := block.Open(node.DevName, 0)
	if err != nil {
		return
	}
	defer dev.Close()
	if entry, err := partition.Read(dev, dev.Size(), int64(dev.LogicalSector()), number); err == nil {
		i.PartUUID, i.PartLabel = entry.UUID, entry.Name
		i.Signs = signed(i.Node, entry.Type)
	}
}

// contents reads uuid and label of what lies on the device.
func (p prober) contents(i *Identity) {
	dev, err := block.Open(i.Node, 0)
	if err != nil {
		return
	}
	defer dev.Close()
	found, _ := signature.Detect(dev, dev.Size()) // what cannot be read has no name
	if s := p.principal(found); s != nil {
		i.Contents, i.UUID, i.Label = s.Kind, s.UUID, s.Label
	}
}

// principal is the signature that names the device: the first sound one that is no partition table,
// and where there is none the remains of one: a LUKS volume whose primary head is lost is still
// known by its secondary.
func (p prober) principal(found []signature.Signature) (first *signature.Signature) {
	for i := range found {
		s := &found[i]
		switch {
		case s.Damaged, s.UUID+s.Label == "", s.Usage == signature.PartitionTable:
		case p.arrays && s.Kind == "linux_raid_member":
			return s
		case first == nil, first.Backup && !s.Backup:
			first = s
		}
	}
	return first
}
