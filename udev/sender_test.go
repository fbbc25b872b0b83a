// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

func TestWhoMaySpeakToAGroup(t *testing.T) {
	kernel := sender{groups: 1, attested: true}
	udevd := sender{port: 300, groups: 2, pid: 300, attested: true}
	tests := []struct {
		name   string
		source Source
		sender sender
		want   bool
	}{
		{"the kernel", Kernel, kernel, true},
		{"a process in the kernel's group", Kernel, sender{port: 300, groups: 1, pid: 300, attested: true}, false},
		{"root by way of the kernel", Kernel, sender{groups: 1, pid: 300, attested: true}, false},
		{"a user by way of the kernel", Kernel, sender{groups: 1, uid: 1000, attested: true}, false},
		{"the kernel to this socket alone", Kernel, sender{attested: true}, false},
		{"no credentials", Kernel, sender{groups: 1}, false},
		{"another group", Kernel, sender{groups: 2, attested: true}, false},
		{"udevd", Udev, udevd, true},
		{"a user in udev's group", Udev, sender{port: 300, groups: 2, pid: 300, uid: 1000, attested: true}, false},
		{"root to this socket alone", Udev, sender{port: 300, pid: 300, attested: true}, false},
		{"udevd without credentials", Udev, sender{port: 300, groups: 2}, false},
		{"the kernel in udev's group", Udev, kernel, false},
	}
	for _, test := range tests {
		if got := test.sender.trusted(test.source); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
	}
}

func TestSenderOfControlMessages(t *testing.T) {
	from := &unix.SockaddrNetlink{Pid: 7, Groups: 2}
	control := unix.UnixCredentials(&unix.Ucred{Pid: 8, Uid: 9, Gid: 10})
	if got, want := senderOf(from, control, 0), (sender{port: 7, groups: 2, pid: 8, uid: 9, attested: true}); got != want {
		t.Errorf("%+v", got)
	}
	if got := senderOf(from, control, unix.MSG_CTRUNC|unix.MSG_TRUNC); got.attested || !got.truncated {
		t.Errorf("cut control messages: %+v", got)
	}
	if got := senderOf(nil, control[:unix.CmsgLen(unix.SizeofUcred)-4], 0); got.attested || got.groups != 0 {
		t.Errorf("short credentials: %+v", got)
	}
	other := append([]byte(nil), control...)
	binary.NativeEndian.PutUint32(other[unix.CmsgLen(0)-4:], unix.SCM_RIGHTS)
	if senderOf(from, other, 0).attested {
		t.Error("another kind of control message")
	}
	if !senderOf(from, append(other, control...), 0).attested {
		t.Error("credentials after another control message")
	}
}
