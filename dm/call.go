// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// Names of the operations, as errors show them.
const (
	opVersion = "version"
	opList    = "list devices"
	opTargets = "list targets"
	opCreate  = "create"
	opLoad    = "load"
	opClear   = "clear"
	opStatus  = "status"
	opTable   = "table"
	opDeps    = "deps"
	opSuspend = "suspend"
	opResume  = "resume"
	opRename  = "rename"
	opSetUUID = "set uuid"
	opMessage = "message"
	opRemove  = "remove"
	opWait    = "wait for event"
)

// maxReply bounds the growth of a buffer, in bytes: far above any table, far below harm.
const maxReply = 64 << 20

// ref addresses a device by exactly one of its properties.
type ref struct {
	name string // the kernel's form
	uuid string
	dev  uint64
}

func (r ref) String() string {
	switch {
	case r.name != "":
		return r.name
	case r.uuid != "":
		return r.uuid
	case r.dev != 0:
		return fmt.Sprintf("%d:%d", unix.Major(r.dev), unix.Minor(r.dev))
	}
	return ""
}

// call is one request to the kernel.
type call struct {
	op      string
	cmd     uintptr
	device  ref
	newUUID string // for create, the only call that takes a name and a uuid
	flags   uint32
	eventNr uint32 // event number for wait, udev flags and cookie for resume, rename, remove
	targets uint32
	payload []byte
	room    int  // bytes to leave for the reply
	secure  bool // payload or reply may hold a key
	once    bool // must not be repeated with a larger buffer: it has an effect
}

// answer is the kernel's reply; body is valid until Close.
type answer struct {
	header header
	body   []byte
	mem    *secret.Buffer // nil unless the call was secure
}

// Close wipes a secure reply.
func (a *answer) Close() error { return a.mem.Close() }

func (a *answer) flag(f uint32) bool { return a.header.Flags&f != 0 }

// run carries out a call, with a larger buffer as often as the kernel asks for one.
func (c *Control) run(q call) (*answer, error) {
	if c == nil || c.ioctl == nil {
		return nil, &Error{Op: q.op, Device: q.device.String(), Kind: ErrNoDeviceMapper}
	}
	for size := headerSize + max(len(q.payload), q.room); ; size *= 4 {
		a, err := c.try(q, size)
		if err != nil {
			return nil, err
		}
		if !a.flag(unix.DM_BUFFER_FULL_FLAG) {
			return a, nil
		}
		if err := a.Close(); err != nil {
			return nil, err
		}
		if q.once || size >= maxReply {
			return nil, &Error{Op: q.op, Device: q.device.String(), Kind: ErrTooLong}
		}
	}
}

// try carries out a call with a buffer of size bytes.
func (c *Control) try(q call, size int) (*answer, error) {
	mem, buf, err := allocate(size, q.secure)
	if err != nil {
		return nil, err
	}
	a := &answer{mem: buf}
	for {
		q.encode(mem)
		if err = c.ioctl(q.cmd, mem); !errors.Is(err, unix.EINTR) {
			break
		}
	}
	if err != nil {
		err = failure(q.op, q.device.String(), err)
	} else {
		err = a.decode(q, mem)
	}
	if err != nil {
		return nil, errors.Join(err, a.Close())
	}
	return a, nil
}

// allocate returns zeroed memory for one call, secret where it may come to hold a key.
func allocate(size int, secure bool) ([]byte, *secret.Buffer, error) {
	if !secure {
		return make([]byte, size), nil, nil
	}
	buf, err := secret.New(size)
	return buf.Bytes(), buf, err
}

func (q *call) encode(mem []byte) {
	h := header{
		Version:     [3]uint32{unix.DM_VERSION_MAJOR, 0, 0},
		DataSize:    uint32(len(mem)),
		DataStart:   headerSize,
		TargetCount: q.targets,
		Flags:       q.flags,
		EventNr:     q.eventNr,
		Dev:         q.device.dev,
	}
	if q.secure {
		h.Flags |= unix.DM_SECURE_DATA_FLAG
	}
	copy(h.Name[:], q.device.name) // lengths were checked by Mangle
	copy(h.UUID[:], q.device.uuid+q.newUUID)
	clear(mem)
	store(mem, h)
	copy(mem[headerSize:], q.payload)
}

// decode checks the bounds the kernel reports before anything is read through them.
func (a *answer) decode(q call, mem []byte) error {
	h, ok := load[header](mem)
	if !ok || int64(h.DataSize) > int64(len(mem)) {
		return &Error{Op: q.op, Device: q.device.String(), Kind: ErrReply, Detail: "size"}
	}
	a.header = h
	// A call without output leaves data_size at the bare header.
	if h.DataStart <= h.DataSize && h.DataStart >= headerSize {
		a.body = mem[h.DataStart:h.DataSize]
	}
	return nil
}
