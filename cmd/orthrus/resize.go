// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// resize fits a mapping to its device, or to --size or --device-size.
func resize(ctx context.Context, c *command) error {
	m, err := c.mapped(c.Args[0])
	if err != nil {
		return err
	}
	defer m.Close()
	length, err := c.newLength(m)
	if err != nil {
		return err
	}
	return c.rebuild(ctx, m, func(mapping *activate.Mapping, v *volume) error {
		if v != nil && !v.Data.Dynamic {
			if _, _, found, _ := far.Find(v.Metadata()); found {
				c.ui.Errorf("It has a far header: use grow after its device has grown, and shrink before it is cut.")
			}
			return failure(ui.Failed, "Cannot resize LUKS2 device with static size.")
		}
		mapping.Length = length
		return nil
	})
}

// newLength is in 512-byte sectors. A loop device takes over the size of its file first.
func (c *command) newLength(m *mapped) (uint64, error) {
	size := int(max(m.crypt.SectorSize, 512))
	wanted := c.o.Size.V * 512
	if c.o.DeviceSize.Set {
		wanted = c.o.DeviceSize.V
	}
	if wanted%uint64(size) != 0 {
		return 0, failure(ui.Failed, "Size must be multiple of the sector size of %d bytes.", size)
	}
	if err := followFile(m.device); err != nil {
		return 0, err
	}
	dev, err := block.Open(m.device, 0)
	if err != nil {
		return 0, deviceError(m.device, err)
	}
	length, err := activate.Length(uint64(dev.Size()), m.crypt.Offset*512, wanted, size)
	return length, errors.Join(deviceError(m.device, err), dev.Close())
}

func followFile(device string) error {
	if file, err := block.LoopBacking(device); err != nil || file == "" {
		return nil
	}
	loop, err := block.OpenLoop(device)
	if err != nil {
		return deviceError(device, err)
	}
	return errors.Join(loop.SetCapacity(), loop.Close())
}

// refresh loads the table again with the flags of the command line and the header.
func refresh(ctx context.Context, c *command) error {
	m, err := c.mapped(c.Args[len(c.Args)-1])
	if errors.Is(err, dm.ErrNoDeviceMapper) {
		return ui.WithCode(err, ui.Failed)
	}
	if err != nil {
		return err
	}
	defer m.Close()
	return c.rebuild(ctx, m, func(mapping *activate.Mapping, v *volume) error {
		mapping.Flags = c.flags()
		if v == nil {
			return nil
		}
		mapping.Flags = c.crypt(v)
		if !v.Data.Dynamic {
			mapping.Length = v.Data.Size / 512
		}
		if c.o.Persistent {
			return c.persist(ctx, v)
		}
		return nil
	})
}

// rebuild exchanges the table for one that change has altered. The key is taken from the old table
// where it stands there, otherwise from the volume by passphrase.
func (c *command) rebuild(ctx context.Context, m *mapped, change func(*activate.Mapping, *volume) error) error {
	var v *volume
	key, err := m.tableKey()
	if err != nil {
		return err
	}
	defer func() { key.Close() }()
	if m.kind != activate.Plain {
		if v, err = c.volumeOf(ctx, m); err != nil {
			return err
		}
		defer v.Close()
	}
	link, err := c.link()
	if err != nil {
		return err
	}
	inTable := key != nil
	if !inTable {
		if key, err = c.unlockFor(ctx, m, v); err != nil {
			return err
		}
	}
	mapping, err := m.like(key, v, inTable)
	if err != nil {
		return err
	}
	if err := change(&mapping, v); err != nil {
		return err
	}
	undo, err := link.put(key.Bytes())
	if err != nil {
		return err
	}
	if err := activate.Reload(ctx, m.control, mapping); err != nil {
		return errors.Join(err, undo())
	}
	return nil
}

// tableKey copies the key that stands in the table; nil where the keyring has it.
func (m *mapped) tableKey() (*luks.Key, error) {
	if m.crypt.Key.Ring != nil {
		return nil, nil
	}
	key := &luks.Key{Buffer: &secret.Buffer{}, Keyslot: luks.AnyKeyslot}
	if m.crypt.Key.Raw == nil {
		return key, nil
	}
	var err error
	key.Buffer, err = secret.Copy(m.crypt.Key.Raw.Bytes())
	return key, err
}
