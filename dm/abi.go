// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"encoding/binary"
	"runtime"
	"structs"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes and places fixed by include/uapi/linux/dm-ioctl.h.
const (
	headerSize     = 312 // struct dm_ioctl with its padding
	specSize       = 40  // struct dm_target_spec
	nameEntrySize  = 12  // struct dm_name_list up to name
	versionSize    = 16  // struct dm_target_versions up to name
	depsHeaderSize = 8   // struct dm_target_deps up to dev
	sectorSize     = 8   // struct dm_target_msg up to message
)

// header is struct dm_ioctl.
type header struct {
	_           structs.HostLayout
	Version     [3]uint32
	DataSize    uint32
	DataStart   uint32
	TargetCount uint32
	OpenCount   int32
	Flags       uint32
	EventNr     uint32
	_           uint32
	Dev         uint64
	Name        [unix.DM_NAME_LEN]byte
	UUID        [unix.DM_UUID_LEN]byte
	_           [7]byte
}

// targetSpec is struct dm_target_spec.
type targetSpec struct {
	_      structs.HostLayout
	Start  uint64
	Length uint64
	Status int32
	Next   uint32
	Type   [unix.DM_MAX_TYPE_NAME]byte
}

// nameEntry is struct dm_name_list up to its name; Dev is bytes because Go would pad a uint64.
type nameEntry struct {
	_    structs.HostLayout
	Dev  [8]byte
	Next uint32
}

// targetVersions is struct dm_target_versions up to its name.
type targetVersions struct {
	_       structs.HostLayout
	Next    uint32
	Version [3]uint32
}

// depsHeader is struct dm_target_deps up to its array.
type depsHeader struct {
	_     structs.HostLayout
	Count uint32
	_     uint32
}

// record is what the kernel writes into or reads from the payload.
type record interface {
	header | targetSpec | nameEntry | targetVersions | depsHeader
}

// load copies a record from the front of b; false when b is too short.
func load[T record](b []byte) (v T, ok bool) {
	view := unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v))
	return v, copy(view, b) == len(view)
}

// store copies a record to the front of b, which is long enough.
func store[T record](b []byte, v T) {
	copy(b, unsafe.Slice((*byte)(unsafe.Pointer(&v)), unsafe.Sizeof(v)))
}

// cString returns the text before the first NUL.
func cString(b []byte) string {
	for i, c := range b {
		if c == 0 {
			return string(b[:i])
		}
	}
	return string(b)
}

// native64 reads a __u64.
func native64(b []byte) uint64 { return binary.NativeEndian.Uint64(b) }

// ioctl is the only place that enters the kernel. Signals stay blocked on this thread meanwhile:
// suspend and resume wait interruptibly for I/O, and the Go runtime preempts by signal.
func ioctl(fd int, cmd uintptr, mem []byte) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var all, before unix.Sigset_t
	for i := range all.Val {
		all.Val[i]--
	}
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &all, &before); err != nil {
		return err
	}
	_, _, errno := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), cmd, uintptr(unsafe.Pointer(&mem[0])))
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil); err != nil {
		return err
	}
	if errno != 0 {
		return errno
	}
	return nil
}

// putNative64 writes a __u64.
func putNative64(b []byte, v uint64) { binary.NativeEndian.PutUint64(b, v) }
