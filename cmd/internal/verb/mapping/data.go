// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// dataDevice is the block device that holds the data: the one named, or a loop device over the
// file that was named, which goes away with the mapping.
type dataDevice struct {
	activate.Data
	path  string // of the block device
	shown string // as the user knows it
	loop  *block.Loop
}

// openData opens what the first argument names and makes sure that nothing else holds it.
func openData(c *verb.Command, readOnly bool) (*dataDevice, error) {
	path, err := volume.Named(c)
	if err != nil {
		return nil, err
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return nil, verb.DeviceError(path, err)
	}
	isBlock := dev.IsBlock()
	if err := dev.Close(); err != nil {
		return nil, verb.DeviceError(path, err)
	}
	d := &dataDevice{path: path, shown: keys.ShownAs(path)}
	if !isBlock {
		d.loop, err = block.AttachLoop(path, block.LoopOptions{AutoClear: true, ReadOnly: readOnly})
		if errors.Is(err, block.ErrReadOnly) && !readOnly { // its file system is
			readOnly = true
			d.loop, err = block.AttachLoop(path, block.LoopOptions{AutoClear: true, ReadOnly: true})
		}
		if err != nil {
			return nil, verb.DeviceError(path, err)
		}
		d.path = d.loop.Path
	}
	if d.Data, err = activate.Inspect(d.path, c.Opt.Shared); err != nil {
		return nil, errors.Join(verb.DeviceError(d.path, err), d.Close())
	}
	d.ReadOnly = d.ReadOnly || readOnly
	return d, nil
}

// deviceExists looks before anything else is asked for.
func deviceExists(c *verb.Command) error {
	path, err := volume.Named(c)
	if err != nil {
		return err
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return verb.DeviceError(path, err)
	}
	return dev.Close()
}

// Close lets go of the loop device, which stays for as long as it is mapped.
func (d *dataDevice) Close() error {
	if d.loop == nil {
		return nil
	}
	return d.loop.Close()
}
