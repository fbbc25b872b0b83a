// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Device holds a volume's metadata: a block device, an image, memory. See header.Device.
type Device = header.Device

// Locker is a Device that several processes may use at once; see commit.Locker.
type Locker = commit.Locker

// Reached is a Device that knows which of its ranges mappings reach over; see commit.Reached.
type Reached = commit.Reached

// File is a block device or image file with cryptsetup's locks.
type File struct {
	*block.Device
	locks block.LockDirectory // empty: locks disabled
}

// DeviceOptions say how OpenDevice opens.
type DeviceOptions struct {
	Write     bool
	Exclusive bool // fail with block.ErrBusy where something holds the block device
	NoLocks   bool
}

// OpenDevice opens a block device or an image file. Errors are those of block.Open.
func OpenDevice(path string, o DeviceOptions) (*File, error) {
	flags := block.Direct
	if o.Write {
		flags |= block.ReadWrite
	}
	if o.Exclusive {
		flags |= block.Exclusive
	}
	dev, err := block.Open(path, flags)
	if err != nil {
		return nil, err
	}
	f := &File{Device: dev, locks: block.SystemLocks}
	if o.NoLocks {
		f.locks = ""
	}
	return f, nil
}

// LockMetadata takes the lock that cryptsetup takes around metadata.
func (f *File) LockMetadata(ctx context.Context, exclusive bool) (func() error, error) {
	if f.locks == "" {
		return func() error { return nil }, nil
	}
	kind := block.LockShared
	if exclusive {
		kind = block.LockExclusive
	}
	lock, err := f.locks.Lock(ctx, f.Device, kind)
	if err != nil {
		return nil, err
	}
	return lock.Release, nil
}

// Live asks the device-mapper which ranges mappings reach over: see Reached.
func (f *File) Live() ([]luks2.Extent, error) { return activate.Live(f.Device) }
