// SPDX-License-Identifier: Apache-2.0

package udev

// Source is where an event comes from.
type Source uint8

// The sources. The first two are also the multicast groups a monitor listens to.
const (
	Kernel   Source = 1 // group 1: as the kernel sends it, before any rule has run
	Udev     Source = 2 // group 2: after udevd has run its rules and made its links
	Coldplug Source = 3 // read from sysfs and udev's database; no event took place
)

func (s Source) String() string {
	switch s {
	case Kernel:
		return "kernel"
	case Udev:
		return "udev"
	case Coldplug:
		return "coldplug"
	}
	return "no source"
}

// Action is what happened to a device.
type Action uint8

// The actions (kobject_actions of lib/kobject_uevent.c) and one of this package.
const (
	Other   Action = iota // unknown to this package; the property ACTION has its name
	Add                   // also what coldplug yields
	Remove                // the node may be gone already, or be another device's
	Change                // media, size, or a writer that closed (udevd's watch)
	Move                  // renamed; DEVPATH_OLD is the former path
	Online                // CPUs and memory
	Offline               //
	Bind                  // a driver has been bound
	Unbind                //
	Overrun               // no device: events were lost, whatever is known has to be read again
)

// names of the actions, but for Other and Overrun, which no message carries.
func (a Action) String() string {
	names := [...]string{"other", "add", "remove", "change", "move", "online", "offline", "bind", "unbind", "overrun"}
	if int(a) < len(names) {
		return names[a]
	}
	return names[Other]
}

// actionNamed is the inverse of String for the actions the kernel sends.
func actionNamed(name string) Action {
	for a := Add; a < Overrun; a++ {
		if a.String() == name {
			return a
		}
	}
	return Other
}

// Event is something that happened to a device, or the fact that events were lost (Overrun, with all
// fields but Source empty). It is a hint: what matters has to be read again from the device.
type Event struct {
	Source Source
	Action Action

	DevPath   string // below /sys, "/devices/virtual/block/loop0"; may contain '@' and '!'
	Subsystem string // "block"
	DevType   string // "disk", "partition"; may be empty
	DevName   string // absolute path of the node, "/dev/loop0"; empty for a device without
	Major     uint32 // 0 and 0 for a device without a node
	Minor     uint32
	DiskSeq   uint64 // tells disks apart that had the same number, one after the other; 0 where unknown
	Seqnum    uint64 // grows with each event of the kernel; 0 from coldplug

	// Synthetic is SYNTH_UUID: what somebody wrote to the device's uevent file (see System.Trigger),
	// "0" for a write without uuid, empty for an event of the kernel's own.
	Synthetic string

	Properties Properties
}

// set takes a property over into its field above, if it has one. The error is the kind of what the value breaks.
// It is a switch and no table: called through a variable it would put every event on the heap.
func (e *Event) set(key, value string) (kind error) {
	switch key {
	case "ACTION":
		e.Action = actionNamed(value)
	case "DEVPATH":
		e.DevPath, kind = devicePath(value)
	case "SUBSYSTEM":
		e.Subsystem = value
	case "DEVTYPE":
		e.DevType = value
	case "DEVNAME":
		e.DevName, kind = nodePath(value)
	case "MAJOR":
		e.Major, kind = number32(value)
	case "MINOR":
		e.Minor, kind = number32(value)
	case "DISKSEQ":
		e.DiskSeq, kind = number64(value)
	case "SEQNUM":
		e.Seqnum, kind = number64(value)
	case "SYNTH_UUID":
		e.Synthetic = value
	}
	return kind
}

// Resized tells whether the event announces another capacity: RESIZE=1 of block devices, or the unit
// attention of SCSI disks, which comes before the kernel has read the new size.
func (e *Event) Resized() bool {
	resize, _ := e.Properties.Get("RESIZE")
	attention, _ := e.Properties.Get("SDEV_UA")
	return resize == "1" || attention == "CAPACITY_DATA_HAS_CHANGED"
}
