// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
)

// dataDevice is the block device that holds the data: the one named, or a loop device over the
// file that was named, which goes away with the mapping.
type dataDevice struct {
	*luks.Opening
	shown string // as the user knows it
}

// openData makes sure that nothing else holds what the first argument names, which may be the device that
// the volume was loaded from; without a volume it is plain.
func openData(c *verb.Command, v *volume.Volume, readOnly bool) (*dataDevice, error) {
	path, err := volume.Named(c)
	if err != nil {
		return nil, err
	}
	request := luks.Request{Data: path, ReadOnly: readOnly, Shared: c.Opt.Shared}
	if v == nil {
		return claim(luks.NewOpening(nil, request), path)
	}
	request.Header = v.Path
	return claim(luks.NewOpening(v.Volume, request), path)
}

// claim makes sure that nothing else holds what is at the path.
func claim(o *luks.Opening, path string) (*dataDevice, error) {
	d := &dataDevice{Opening: o, shown: keys.ShownAs(path)}
	if err := d.Claim(); err != nil {
		return nil, errors.Join(verb.DeviceError(cmp.Or(d.Path, path), err), d.Close())
	}
	return d, nil
}

// deviceExists looks before anything else is asked for. A key file, perhaps, is no data of a detached header.
func deviceExists(c *verb.Command) error {
	path, err := volume.Named(c)
	if err != nil {
		return err
	}
	dev, err := block.Open(path, 0)
	if err != nil {
		return verb.DeviceError(path, err)
	}
	if c.Opt.Header.Set && dev.Size() < 512 {
		err = verb.Failure(ui.Failed, "Header detected but device %s is too small.", path)
	}
	return errors.Join(err, dev.Close())
}
