// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"io"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// algSocket is an AF_ALG request socket. Its tfm socket holds the key and may be closed at once.
type algSocket struct{ fd int }

// openKernelSocket returns an instance of the named algorithm with its key set. Errors: *socketError.
func openKernelSocket(name string, key []byte) (kernelSocket, error) {
	tfm, err := unix.Socket(unix.AF_ALG, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, &socketError{"socket", err}
	}
	defer unix.Close(tfm)
	if err := unix.Bind(tfm, &unix.SockaddrALG{Type: "skcipher", Name: name}); err != nil {
		return nil, &socketError{"bind", err}
	}
	if err := setAlgKey(tfm, key); err != nil {
		return nil, &socketError{"setsockopt", err}
	}
	fd, err := acceptAlg(tfm)
	if err != nil {
		return nil, &socketError{"accept", err}
	}
	return algSocket{fd}, nil
}

// setAlgKey is setsockopt(2) without the copy of the key into a string that x/sys makes.
func setAlgKey(tfm int, key []byte) error {
	_, _, errno := unix.Syscall6(unix.SYS_SETSOCKOPT, uintptr(tfm), unix.SOL_ALG, unix.ALG_SET_KEY,
		uintptr(unsafe.Pointer(unsafe.SliceData(key))), uintptr(len(key)), 0)
	runtime.KeepAlive(key)
	if errno != 0 {
		return errno
	}
	return nil
}

// acceptAlg is accept4(2) without a peer address, which AF_ALG does not have.
func acceptAlg(tfm int) (int, error) {
	fd, _, errno := unix.Syscall6(unix.SYS_ACCEPT4, uintptr(tfm), 0, 0, unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, errno
	}
	return int(fd), nil
}

func (s algSocket) request(control, data []byte) error {
	if _, err := unix.SendmsgN(s.fd, data, control, nil, 0); err != nil {
		return &socketError{"sendmsg", err}
	}
	for got := 0; got < len(data); {
		n, err := unix.Read(s.fd, data[got:])
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return &socketError{"read", err}
		case n == 0:
			return &socketError{"read", io.ErrUnexpectedEOF}
		}
		got += n
	}
	return nil
}

func (s algSocket) close() { _ = unix.Close(s.fd) }
