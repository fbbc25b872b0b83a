// SPDX-License-Identifier: Apache-2.0

package tpm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/luks/token/ready"
	"golang.org/x/sys/unix"
)

// file is a character device or a socket to a TPM.
type file struct {
	fd     int
	stream bool // an answer may come in pieces
}

// slowest is how long a command may take: keys of 2048 bits take a chip of the slow sort half a minute.
const slowest = 3 * time.Minute

// ErrSlow: no answer came for minutes.
var ErrSlow = errors.New("the TPM does not answer")

// Device is the path of the only TPM 2.0 with a resource manager. The error is ErrAbsent for none, and for several,
// one that names them.
func Device() (string, error) {
	list, err := filepath.Glob("/dev/tpmrm*")
	switch {
	case err != nil || len(list) == 0:
		return "", ErrAbsent
	case len(list) > 1:
		return "", fmt.Errorf("%w to take by itself: choose one of %s", ErrAbsent, strings.Join(list, ", "))
	}
	return list[0], nil
}

// Expected tells whether a TPM may still appear: not where the firmware is UEFI's and has said nothing of one.
func Expected() bool {
	if _, err := os.Stat("/sys/firmware/efi"); err != nil {
		return true
	}
	_, table := os.Stat("/sys/firmware/acpi/tables/TPM2")
	_, tree := os.Stat("/sys/firmware/devicetree")
	return table == nil || tree == nil
}

// Open connects to the TPM that a name says: "auto" or "" for the only one, a path, or for tests
// "swtpm:path=SOCKET" or "swtpm:host=127.0.0.1,port=NUMBER". Errors are of kind ErrAbsent.
func Open(device string) (*Client, error) {
	if device == "" || device == "auto" {
		path, err := Device()
		if err != nil {
			return nil, err
		}
		device = path
	}
	device = strings.TrimPrefix(device, "device:")
	var f *file
	var err error
	if where, emulated := strings.CutPrefix(device, "swtpm:"); emulated {
		f, err = connect(where)
	} else {
		f = &file{}
		f.fd, err = unix.Open(device, unix.O_RDWR|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	}
	if err != nil {
		return nil, &AbsentError{device, err}
	}
	return NewClient(f), nil
}

// AbsentError says why a TPM could not be reached.
type AbsentError struct {
	Device string
	Err    error
}

func (e *AbsentError) Error() string { return fmt.Sprintf("TPM %s: %v", e.Device, e.Err) }

// Unwrap gives ErrAbsent and the cause.
func (e *AbsentError) Unwrap() []error { return []error{ErrAbsent, e.Err} }

// connect reaches an emulator.
func connect(where string) (*file, error) {
	address, err := emulator(where)
	if err != nil {
		return nil, err
	}
	family := unix.AF_INET
	if _, local := address.(*unix.SockaddrUnix); local {
		family = unix.AF_UNIX
	}
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err := unix.Connect(fd, address); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	return &file{fd, true}, unix.SetNonblock(fd, true)
}

// emulator reads "path=…" or "host=127.0.0.1,port=…".
func emulator(where string) (unix.Sockaddr, error) {
	address := &unix.SockaddrInet4{Port: 2321, Addr: [4]byte{127, 0, 0, 1}}
	for _, part := range strings.Split(where, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch name {
		case "path":
			return &unix.SockaddrUnix{Name: value}, nil
		case "port":
			n, err := strconv.ParseUint(value, 10, 16)
			if err != nil {
				return nil, fmt.Errorf("port %q is no number", value)
			}
			address.Port = int(n)
		case "host":
			if value != "127.0.0.1" && value != "localhost" {
				return nil, fmt.Errorf("an emulator is reached at 127.0.0.1 only, not %s", value)
			}
		}
	}
	return address, nil
}

// Close closes the device; the kernel's resource manager drops what was loaded.
func (f *file) Close() error { return unix.Close(f.fd) }

// Exchange writes a command and reads its answer.
func (f *file) Exchange(ctx context.Context, command []byte) ([]byte, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, slowest, ErrSlow)
	defer cancel()
	if err := ready.Write(ctx, f.fd, command); err != nil {
		return nil, err
	}
	answer, have := make([]byte, MostAnswer), 0
	for {
		n, err := ready.Read(ctx, f.fd, answer[have:])
		if err != nil {
			return nil, err
		}
		have += n
		if n == 0 || !f.stream || have == len(answer) || complete(answer[:have]) {
			return answer[:have], nil
		}
	}
}

// complete tells whether an answer is as long as it says.
func complete(p []byte) bool {
	return len(p) >= headerSize && uint64(binary.BigEndian.Uint32(p[2:])) <= uint64(len(p))
}
