// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"context"
	"os"

	"github.com/orthrus-luks/orthrus/dm/given"
	"github.com/orthrus-luks/orthrus/dm/target"
	"golang.org/x/sys/unix"
)

// Version is that of a target type or of the kernel's interface.
type Version = target.Version

// Control is an open control device. It may be used by several goroutines at once.
type Control struct {
	// Warn, when set before the first call, is told what went wrong after the kernel's part was
	// done and did not make the call fail: udev silent, read-ahead not set.
	Warn func(error)

	file    *os.File
	version Version
	ioctl   func(cmd uintptr, mem []byte) error
	udev    udev
	nodes   nodes
}

// Open opens /dev/mapper/control, after making that node where it is absent, and agrees with the
// kernel on the interface version. Errors are ErrNoDeviceMapper and ErrPermission.
func Open() (*Control, error) {
	file, err := openControl(systemPaths())
	if err != nil {
		return nil, err
	}
	c := &Control{file: file, udev: systemUdev(), nodes: nodes{dir: systemPaths().mapper}}
	c.ioctl = func(cmd uintptr, mem []byte) error { return ioctl(int(file.Fd()), cmd, mem) }
	if err := c.negotiate(); err != nil {
		_ = file.Close()
		return nil, err
	}
	return c, nil
}

// negotiate asks for the version, which is the first thing a wrong device fails at.
func (c *Control) negotiate() error {
	a, err := c.run(call{op: opVersion, cmd: unix.DM_VERSION})
	if err != nil {
		return noDeviceMapper(err)
	}
	v := a.header.Version
	c.version = Version{Major: v[0], Minor: v[1], Patch: v[2]}
	return nil
}

// Close closes the control device; mapped devices stay.
func (c *Control) Close() error {
	if c == nil || c.file == nil {
		return ErrNoDeviceMapper
	}
	return c.file.Close()
}

// ready refuses a Control that Open did not make, and a context that is nil or has ended.
func (c *Control) ready(ctx context.Context) error {
	if err := given.Context(ctx); err != nil {
		return err
	}
	if c == nil || c.ioctl == nil {
		return ErrNoDeviceMapper
	}
	return ctx.Err()
}

// Version returns the kernel's version of the ioctl interface.
func (c *Control) Version() Version {
	if c == nil {
		return Version{}
	}
	return c.version
}

func (c *Control) warn(err error) {
	if c.Warn != nil && err != nil {
		c.Warn(err)
	}
}
