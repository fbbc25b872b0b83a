// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// dataDevice is the block device that holds the data: the one named, or a loop device over the
// file that was named, which goes away with the mapping.
type dataDevice struct {
	path      string // of the block device
	shown     string // as the user knows it
	number    dm.Number
	size      uint64 // bytes
	readAhead uint   // 512-byte sectors
	readOnly  bool
	loop      *block.Loop
}

// dataDevice opens what the first argument names and makes sure that nothing else holds it.
func (c *command) dataDevice(readOnly bool) (*dataDevice, error) {
	path, err := c.device()
	if err != nil {
		return nil, err
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return nil, deviceError(path, err)
	}
	isBlock := dev.IsBlock()
	if err := dev.Close(); err != nil {
		return nil, deviceError(path, err)
	}
	d := &dataDevice{path: path, shown: shownAs(path), readOnly: readOnly}
	if !isBlock {
		d.loop, err = block.AttachLoop(path, block.LoopOptions{AutoClear: true, ReadOnly: readOnly})
		if err != nil {
			return nil, deviceError(path, err)
		}
		d.path = d.loop.Path
	}
	if err := d.inspect(c.o.Shared); err != nil {
		return nil, errors.Join(err, d.Close())
	}
	return d, nil
}

// deviceExists looks before anything else is asked for.
func (c *command) deviceExists() error {
	path, err := c.device()
	if err != nil {
		return err
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return deviceError(path, err)
	}
	return dev.Close()
}

// inspect claims the device for a moment, which fails where something else has it.
func (d *dataDevice) inspect(shared bool) error {
	flags := block.Exclusive
	if shared {
		flags = 0
	}
	dev, err := block.Open(d.path, flags)
	if err != nil {
		return deviceError(d.path, err)
	}
	t, err := dev.Topology()
	if err != nil {
		return errors.Join(deviceError(d.path, err), dev.Close())
	}
	d.number = dm.Number{Major: dev.Major(), Minor: dev.Minor()}
	d.size, d.readAhead = uint64(dev.Size()), uint(t.ReadAhead)
	d.readOnly = d.readOnly || t.ReadOnly
	return dev.Close()
}

// Close lets go of the loop device, which stays for as long as it is mapped.
func (d *dataDevice) Close() error {
	if d.loop == nil {
		return nil
	}
	return d.loop.Close()
}
