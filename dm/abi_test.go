// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

func TestRecordsHaveTheKernelsSizesAndOffsets(t *testing.T) {
	var (
		h header
		s targetSpec
		n nameEntry
	)
	for _, test := range []struct {
		name      string
		got, want uintptr
	}{
		{"dm_ioctl", unsafe.Sizeof(h), headerSize},
		{"dm_ioctl in x/sys", unix.SizeofDmIoctl, headerSize},
		{"dm_ioctl.data_start", unsafe.Offsetof(h.DataStart), 16},
		{"dm_ioctl.flags", unsafe.Offsetof(h.Flags), 28},
		{"dm_ioctl.event_nr", unsafe.Offsetof(h.EventNr), 32},
		{"dm_ioctl.dev", unsafe.Offsetof(h.Dev), 40},
		{"dm_ioctl.name", unsafe.Offsetof(h.Name), 48},
		{"dm_ioctl.uuid", unsafe.Offsetof(h.UUID), 176},
		{"dm_target_spec", unsafe.Sizeof(s), specSize},
		{"dm_target_spec.status", unsafe.Offsetof(s.Status), 16},
		{"dm_target_spec.next", unsafe.Offsetof(s.Next), 20},
		{"dm_target_spec.target_type", unsafe.Offsetof(s.Type), 24},
		{"dm_name_list", unsafe.Sizeof(n), nameEntrySize},
		{"dm_name_list.next", unsafe.Offsetof(n.Next), 8},
		{"dm_target_versions", unsafe.Sizeof(targetVersions{}), versionSize},
		{"dm_target_deps", unsafe.Sizeof(depsHeader{}), depsHeaderSize},
		{"sembuf", unsafe.Sizeof(sembuf{}), 6},
		{"timespec", unsafe.Sizeof(timespec{}), 16},
	} {
		if test.got != test.want {
			t.Errorf("%s is %d, want %d", test.name, test.got, test.want)
		}
	}
}

func TestRecordsAreNotReadBeyondTheReply(t *testing.T) {
	if _, ok := load[targetSpec](make([]byte, specSize-1)); ok {
		t.Error("a short target_spec was read")
	}
	b := make([]byte, specSize)
	store(b, targetSpec{Start: 7, Next: 9})
	if s, ok := load[targetSpec](b); !ok || s.Start != 7 || s.Next != 9 {
		t.Errorf("read back %+v, %v", s, ok)
	}
}
