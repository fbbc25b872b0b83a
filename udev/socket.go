// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// openSocket makes a socket that hears nothing yet: options and filter come before the membership, so
// that no message gets past them.
func openSocket(o Options) (int, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK,
		unix.NETLINK_KOBJECT_UEVENT)
	if err != nil {
		return -1, os.NewSyscallError("socket", err)
	}
	if err := prepare(fd, o); err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func prepare(fd int, o Options) error {
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PASSCRED, 1); err != nil {
		return os.NewSyscallError("setsockopt SO_PASSCRED", err)
	}
	if err := setReceiveBuffer(fd, o.ReceiveBuffer); err != nil {
		return os.NewSyscallError("setsockopt SO_RCVBUF", err)
	}
	if err := attach(fd, o.Source, o.Matches); err != nil {
		return os.NewSyscallError("setsockopt SO_ATTACH_FILTER", err)
	}
	address := unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: groupMask(o.Source)}
	return os.NewSyscallError("bind", unix.Bind(fd, &address))
}

// setReceiveBuffer exceeds net.core.rmem_max where CAP_NET_ADMIN lets it, and stays below elsewhere.
func setReceiveBuffer(fd, size int) error {
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size)
	if errors.Is(err, unix.EPERM) {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}
	return err
}
