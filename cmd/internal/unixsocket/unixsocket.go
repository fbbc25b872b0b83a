// SPDX-License-Identifier: Apache-2.0

// Package unixsocket calls and answers at sockets in the file system, unix(7). Package net does the same, and
// brings resolvers for names and 250 KB of them. Connections are files here: they have deadlines, and closing
// one ends what waits for it.
package unixsocket

import (
	"errors"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// Dial connects to the stream socket at path. The error is a *fs.PathError that wraps the errno.
func Dial(path string) (*os.File, error) { return dial(path, unix.SOCK_STREAM) }

// DialDatagram connects to the datagram socket at path: each Write is one datagram.
func DialDatagram(path string) (*os.File, error) { return dial(path, unix.SOCK_DGRAM) }

func dial(path string, kind int) (*os.File, error) {
	fd, err := socket(kind)
	if err != nil {
		return nil, failed("dial", path, "socket", err)
	}
	if err := unix.Connect(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, errors.Join(failed("dial", path, "connect", err), unix.Close(fd))
	}
	return os.NewFile(uintptr(fd), path), nil
}

// socket is one that does not block, as the runtime's poller wants it.
func socket(kind int) (int, error) {
	return unix.Socket(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
}

func failed(op, path, call string, err error) error {
	return &fs.PathError{Op: op + " unix", Path: path, Err: os.NewSyscallError(call, err)}
}

// Listener is a stream socket that takes connections.
type Listener struct{ file *os.File }

// backlog is how many may wait to be accepted; the kernel allows net.core.somaxconn at most.
const backlog = 4096

// Listen makes a socket at path, where nothing may be yet. The error is a *fs.PathError that wraps the errno.
func Listen(path string) (*Listener, error) {
	fd, err := socket(unix.SOCK_STREAM)
	if err != nil {
		return nil, failed("listen", path, "socket", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrUnix{Name: path}); err != nil {
		return nil, errors.Join(failed("listen", path, "bind", err), unix.Close(fd))
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return nil, errors.Join(failed("listen", path, "listen", err), unix.Close(fd))
	}
	return &Listener{os.NewFile(uintptr(fd), path)}, nil
}

// Close ends listening and an Accept that waits. The socket stays in the file system.
func (l *Listener) Close() error { return l.file.Close() }

// Accept waits for a connection. It fails after Close.
func (l *Listener) Accept() (*os.File, error) {
	raw, err := l.file.SyscallConn()
	if err != nil {
		return nil, err
	}
	fd := -1
	var failure error
	err = raw.Read(func(listening uintptr) bool {
		fd, failure = accept(int(listening))
		return !errors.Is(failure, unix.EAGAIN)
	})
	if err != nil || failure != nil {
		return nil, errors.Join(err, failure)
	}
	return os.NewFile(uintptr(fd), l.file.Name()), nil
}

// accept takes the next that waits. One that hung up meanwhile is no error.
func accept(listening int) (int, error) {
	for {
		fd, _, err := unix.Accept4(listening, unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK)
		if !errors.Is(err, unix.EINTR) && !errors.Is(err, unix.ECONNABORTED) {
			return fd, os.NewSyscallError("accept4", err)
		}
	}
}
