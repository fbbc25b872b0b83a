// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"golang.org/x/sys/unix"
)

// Info is what the kernel tells about a mapped device with every reply.
type Info struct {
	Name, UUID   string // the kernel's form, see Unmangle
	Major, Minor uint32
	OpenCount    int
	EventNr      uint32
	Targets      int // lines of the active table

	Suspended         bool
	ReadOnly          bool
	ActiveTable       bool
	InactiveTable     bool
	DeferredRemove    bool // goes away with its last opener
	InternalSuspended bool // suspended by the kernel itself
}

// Dev returns the device number as stat(2) reports it.
func (i Info) Dev() uint64 { return unix.Mkdev(i.Major, i.Minor) }

func (a *answer) info() Info {
	h := a.header
	return Info{
		Name: cString(h.Name[:]), UUID: cString(h.UUID[:]),
		Major: unix.Major(h.Dev), Minor: unix.Minor(h.Dev),
		OpenCount: int(h.OpenCount), EventNr: h.EventNr, Targets: int(h.TargetCount),
		Suspended:         a.flag(unix.DM_SUSPEND_FLAG),
		ReadOnly:          a.flag(unix.DM_READONLY_FLAG),
		ActiveTable:       a.flag(unix.DM_ACTIVE_PRESENT_FLAG),
		InactiveTable:     a.flag(unix.DM_INACTIVE_PRESENT_FLAG),
		DeferredRemove:    a.flag(unix.DM_DEFERRED_REMOVE),
		InternalSuspended: a.flag(unix.DM_INTERNAL_SUSPEND_FLAG),
	}
}

// byName addresses a device as its users know it.
func byName(name string) (ref, error) {
	kernel, err := Mangle(name)
	return ref{name: kernel}, err
}

// byUUID addresses a device by its uuid.
func byUUID(uuid string) (ref, error) {
	if uuid == "" {
		return ref{}, &NameError{Field: "uuid", Value: uuid, Reason: "empty"}
	}
	kernel, err := MangleUUID(uuid)
	return ref{uuid: kernel}, err
}

// ask runs a call whose answer is Info alone.
func (c *Control) ask(q call) (Info, error) {
	a, err := c.run(q)
	if err != nil {
		return Info{}, err
	}
	return a.info(), a.Close()
}

// Status returns the state of a device; ErrNotFound where there is none.
func (c *Control) Status(name string) (Info, error) {
	device, err := byName(name)
	if err != nil {
		return Info{}, err
	}
	return c.ask(call{op: opStatus, cmd: unix.DM_DEV_STATUS, device: device})
}

// StatusUUID looks a device up by its uuid.
func (c *Control) StatusUUID(uuid string) (Info, error) {
	device, err := byUUID(uuid)
	if err != nil {
		return Info{}, err
	}
	return c.ask(call{op: opStatus, cmd: unix.DM_DEV_STATUS, device: device})
}

// StatusNumber looks a device up by its number; ErrNotFound where it is no mapped device.
func (c *Control) StatusNumber(major, minor uint32) (Info, error) {
	device := ref{dev: unix.Mkdev(major, minor)}
	return c.ask(call{op: opStatus, cmd: unix.DM_DEV_STATUS, device: device})
}

// Create makes an empty, suspended device. uuid may be empty. ErrExists where the name or the uuid
// is taken. Activate is the way to make one that works.
func (c *Control) Create(name, uuid string) (Info, error) {
	device, err := byName(name)
	if err != nil {
		return Info{}, err
	}
	kernelUUID, err := MangleUUID(uuid)
	if err != nil {
		return Info{}, err
	}
	return c.ask(call{op: opCreate, cmd: unix.DM_DEV_CREATE, device: device, newUUID: kernelUUID})
}

// SuspendOptions say how to suspend: both flags are off for a consistent device.
type SuspendOptions struct {
	NoLockFS bool // do not freeze the file system on the device
	NoFlush  bool // do not wait for queued I/O
}

func (o SuspendOptions) flags() uint32 {
	var flags uint32
	if o.NoLockFS {
		flags |= unix.DM_SKIP_LOCKFS_FLAG
	}
	if o.NoFlush {
		flags |= unix.DM_NOFLUSH_FLAG
	}
	return flags
}

// Suspend holds back I/O to the device and returns when what was under way is done.
func (c *Control) Suspend(name string, o SuspendOptions) (Info, error) {
	device, err := byName(name)
	if err != nil {
		return Info{}, err
	}
	flags := unix.DM_SUSPEND_FLAG | o.flags()
	return c.ask(call{op: opSuspend, cmd: unix.DM_DEV_SUSPEND, device: device, flags: flags})
}

// SetUUID gives a uuid to a device that has none. A device that has one keeps it (EINVAL).
func (c *Control) SetUUID(name, uuid string) (Info, error) {
	device, err := byName(name)
	if err != nil {
		return Info{}, err
	}
	kernel, err := byUUID(uuid)
	if err != nil {
		return Info{}, err
	}
	return c.ask(call{
		op: opSetUUID, cmd: unix.DM_DEV_RENAME, device: device, flags: unix.DM_UUID_FLAG,
		payload: append([]byte(kernel.uuid), 0),
	})
}
