// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"golang.org/x/sys/unix"
)

// metadataTarget opens the device that gets the header: the data device, or the one of --header,
// which is made where it is missing and extended where it is a file that is too short.
func (c *command) metadataTarget(ctx context.Context, d formatTarget, o luks.FormatOptions) (*luks.File, error) {
	path := d.path
	if c.o.Header.Set {
		var err error
		if path, err = c.headerFile(ctx, o); err != nil {
			return nil, err
		}
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{Write: true, Exclusive: true, NoLocks: c.o.DisableLocks})
	return file, deviceError(path, err)
}

// headerFile makes room for the header in a regular file.
func (c *command) headerFile(ctx context.Context, o luks.FormatOptions) (string, error) {
	path, err := block.Resolve(c.o.Header.V)
	if err != nil {
		return path, deviceError(c.o.Header.V, err)
	}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		if err := c.ui.Confirm(ctx, ui.Confirmation{Text: "Header file " + path + " does not exist, do you want to create it?"}); err != nil {
			return path, err
		}
	case err != nil:
		return path, deviceError(path, err)
	case !info.Mode().IsRegular():
		return path, nil
	}
	room, err := headerRoom(o)
	if err != nil {
		return path, deviceError(path, err)
	}
	return path, extend(path, room)
}

// headerRoom is the length of a header file in bytes.
func headerRoom(o luks.FormatOptions) (int64, error) {
	if o.Version == 2 {
		g, err := luks.Geometry2(o, 0)
		return int64(g.Room()), err
	}
	layout, err := luks1.NewLayout(uint32(o.KeySize), luks1.Placement{Alignment: 1})
	return max(int64(layout.Payload)*512, int64(o.DataOffset+4095)/4096*4096), err
}

// extend makes the file at least size bytes long, all of them allocated, so that writing the
// header cannot end on a full disk.
func extend(path string, size int64) (err error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return deviceError(path, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if info.Size() >= size {
		return nil
	}
	err = unix.Fallocate(int(f.Fd()), 0, 0, size)
	if errors.Is(err, unix.EOPNOTSUPP) {
		err = f.Truncate(size)
	}
	if err != nil {
		return fmt.Errorf("header file %s: %w", path, err)
	}
	return f.Sync()
}
