// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Device is an entry of the list of mapped devices.
type Device struct {
	Name         string // the kernel's form, see Unmangle
	Major, Minor uint32
}

// Devices lists the mapped devices, newest interface or not; details come from Status.
func (c *Control) Devices() ([]Device, error) {
	a, err := c.run(call{op: opList, cmd: unix.DM_LIST_DEVICES, room: 8192})
	if err != nil {
		return nil, err
	}
	return splitDevices(a.body)
}

func splitDevices(body []byte) ([]Device, error) {
	var devices []Device
	for len(body) > 0 {
		entry, ok := load[nameEntry](body)
		if !ok {
			return nil, fmt.Errorf("%w: device list ends early", ErrReply)
		}
		dev := native64(entry.Dev[:])
		if dev == 0 {
			break // the only record of an empty list
		}
		name := cString(body[nameEntrySize:])
		devices = append(devices, Device{name, unix.Major(dev), unix.Minor(dev)})
		if entry.Next == 0 {
			break
		}
		if body, ok = skip(body, entry.Next, nameEntrySize); !ok {
			return nil, fmt.Errorf("%w: device list points to %d", ErrReply, entry.Next)
		}
	}
	return devices, nil
}

// skip moves to the next record, which is behind the present one and within the reply.
func skip(body []byte, next uint32, least int) ([]byte, bool) {
	if int64(next) < int64(least) || int64(next) >= int64(len(body)) {
		return nil, false
	}
	return body[next:], true
}

// TargetVersion is a target type the kernel has.
type TargetVersion struct {
	Name    string
	Version Version
}

// Targets lists the target types the kernel has at this moment; a module that is not loaded yet is
// not among them. TargetVersion makes the kernel load one.
func (c *Control) Targets() ([]TargetVersion, error) {
	a, err := c.run(call{op: opTargets, cmd: unix.DM_LIST_VERSIONS, room: 4096})
	if err != nil {
		return nil, err
	}
	return splitVersions(a.body)
}

func splitVersions(body []byte) ([]TargetVersion, error) {
	var targets []TargetVersion
	for len(body) > 0 {
		entry, ok := load[targetVersions](body)
		if !ok {
			return nil, fmt.Errorf("%w: target list ends early", ErrReply)
		}
		v := entry.Version
		targets = append(targets, TargetVersion{cString(body[versionSize:]), Version{Major: v[0], Minor: v[1], Patch: v[2]}})
		if entry.Next == 0 {
			break
		}
		if body, ok = skip(body, entry.Next, versionSize); !ok {
			return nil, fmt.Errorf("%w: target list points to %d", ErrReply, entry.Next)
		}
	}
	return targets, nil
}

// TargetVersion returns the version of one target type, after the kernel tried to load its module.
// ErrUnknownTarget where there is none; ErrUnsupported before Linux 5.4.
func (c *Control) TargetVersion(kind string) (Version, error) {
	device, err := byName(kind)
	if err != nil {
		return Version{}, err
	}
	a, err := c.run(call{op: opTargets, cmd: unix.DM_GET_TARGET_VERSION, device: device, room: 256})
	if errnoOf(err) == unix.EINVAL {
		return Version{}, &Error{Op: opTargets, Kind: ErrUnknownTarget, Errno: unix.EINVAL, Detail: fmt.Sprintf("%q", kind)}
	}
	if err != nil {
		return Version{}, err
	}
	entry, ok := load[targetVersions](a.body)
	if !ok {
		return Version{}, fmt.Errorf("%w: target version", ErrReply)
	}
	v := entry.Version
	return Version{Major: v[0], Minor: v[1], Patch: v[2]}, nil
}

// Number is a device number.
type Number struct{ Major, Minor uint32 }

// String renders "major:minor", as tables name devices.
func (n Number) String() string { return fmt.Sprintf("%d:%d", n.Major, n.Minor) }

// ParseNumber reads "major:minor"; ErrReply where the text is something else.
func ParseNumber(text string) (Number, error) {
	major, minor, found := strings.Cut(text, ":")
	a, majorErr := strconv.ParseUint(major, 10, 32)
	b, minorErr := strconv.ParseUint(minor, 10, 32)
	if !found || majorErr != nil || minorErr != nil {
		return Number{}, fmt.Errorf("%w: device number %q", ErrReply, text)
	}
	return Number{Major: uint32(a), Minor: uint32(b)}, nil
}

// Deps lists the devices the active table rests on.
func (c *Control) Deps(name string) ([]Number, error) {
	device, err := byName(name)
	if err != nil {
		return nil, err
	}
	a, err := c.run(call{op: opDeps, cmd: unix.DM_TABLE_DEPS, device: device, room: 512})
	if err != nil {
		return nil, err
	}
	return splitDeps(a.body)
}

func splitDeps(body []byte) ([]Number, error) {
	if len(body) == 0 {
		return nil, nil // no active table
	}
	head, ok := load[depsHeader](body)
	if !ok || int64(head.Count)*8 > int64(len(body)-depsHeaderSize) {
		return nil, fmt.Errorf("%w: dependencies end early", ErrReply)
	}
	numbers := make([]Number, 0, head.Count)
	for i := range int(head.Count) {
		dev := native64(body[depsHeaderSize+8*i:])
		numbers = append(numbers, Number{unix.Major(dev), unix.Minor(dev)})
	}
	return numbers, nil
}

// messageRoom is what a target may answer, in bytes.
const messageRoom = 64 << 10

// Message sends text to the target that maps sector (512-byte units), 0 for a table of one line, and
// returns its answer, if any. The text may hold a key: it is never copied into ordinary memory. A
// message is sent once; an answer too long to be received is ErrTooLong.
func (c *Control) Message(name string, sector uint64, text []byte) (string, error) {
	device, err := byName(name)
	if err != nil {
		return "", err
	}
	payload, buf, err := allocate(sectorSize+len(text)+1, true)
	if err != nil {
		return "", err
	}
	defer buf.Close()
	putNative64(payload, sector)
	copy(payload[sectorSize:], text)
	a, err := c.run(call{
		op: opMessage, cmd: unix.DM_TARGET_MSG, device: device, payload: payload,
		room: messageRoom, secure: true, once: true,
	})
	if err != nil {
		return "", err
	}
	defer a.Close()
	if !a.flag(unix.DM_DATA_OUT_FLAG) {
		return "", nil
	}
	reply, _, _ := bytes.Cut(a.body, []byte{0})
	return string(reply), nil
}
