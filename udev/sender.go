// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"encoding/binary"

	"golang.org/x/sys/unix"
)

// sender is what the kernel attests about a message.
type sender struct {
	port      uint32 // netlink port of the sending socket, 0 for the kernel
	groups    uint32 // mask of the group it was sent to, 0 when sent to this socket alone
	pid, uid  uint32 // SCM_CREDENTIALS
	attested  bool   // there were credentials
	truncated bool
}

// trusted tells whether the sender may speak to the group: the kernel itself, or any process of root.
//
// Port, uid and pid must all be 0 in the kernel's group: a process with CAP_SYS_ADMIN can make the
// kernel multicast a message of its own under port 0 and uid 0 (uevent_net_broadcast), and only the
// pid tells. In udev's group the sender is a worker of udevd, a process that comes and goes.
func (s sender) trusted(source Source) bool {
	if !s.attested || s.uid != 0 || s.groups != groupMask(source) {
		return false
	}
	return source != Kernel || s.port == 0 && s.pid == 0
}

func groupMask(source Source) uint32 { return 1 << (source - 1) }

// senderOf gathers what recvmsg returned beside the data.
func senderOf(from unix.Sockaddr, control []byte, flags int) sender {
	s := sender{truncated: flags&unix.MSG_TRUNC != 0}
	if address, ok := from.(*unix.SockaddrNetlink); ok {
		s.port, s.groups = address.Pid, address.Groups
	}
	if flags&unix.MSG_CTRUNC == 0 {
		s.credentials(control)
	}
	return s
}

// credentials finds struct ucred {pid, uid, gid} among the control messages.
func (s *sender) credentials(control []byte) {
	for len(control) > 0 {
		header, data, rest, err := unix.ParseOneSocketControlMessage(control)
		if err != nil {
			return
		}
		if header.Level == unix.SOL_SOCKET && header.Type == unix.SCM_CREDENTIALS && len(data) >= unix.SizeofUcred {
			s.pid = binary.NativeEndian.Uint32(data)
			s.uid = binary.NativeEndian.Uint32(data[4:])
			s.attested = true
		}
		control = rest
	}
}
