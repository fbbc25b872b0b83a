// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// loadSized loads the volume that the first argument names: a device, or the name or path of a mapping.
// A loop device takes over the size of its file first.
func (c *command) loadSized(ctx context.Context) (*volume, error) {
	if c.o.Header.Set {
		return nil, failure(ui.Failed, "A volume with a detached header follows its device by itself when it is opened; use resize while it is mapped.")
	}
	c.Args = []string{c.below(ctx, c.Args[0])}
	path, err := c.device()
	if err != nil {
		return nil, err
	}
	if !c.o.DryRun {
		if err := followFile(path); err != nil {
			return nil, err
		}
	}
	return c.load(ctx, changed)
}

// below is the device of the mapping that arg names, or arg itself where that is no mapping, or a path
// to a volume of its own.
func (c *command) below(ctx context.Context, arg string) string {
	if strings.Contains(arg, "/") {
		if file, err := luks.OpenDevice(arg, luks.DeviceOptions{NoLocks: true}); err == nil {
			_, err = luks.Load(ctx, file)
			file.Close()
			if err == nil || !file.IsBlock() {
				return arg
			}
		}
	}
	m, err := c.mapped(arg)
	if err != nil {
		return arg
	}
	defer m.Close()
	return m.device
}

// hasFar tells whether the volume has a far header, or a token that claims to be one's.
func hasFar(v *volume) bool {
	if v.Version != 2 {
		return false
	}
	_, _, found, err := far.Find(v.Metadata())
	return found || err != nil
}

// live are the mappings of a volume, and the key to give them another length.
type live struct {
	names []string
	key   *luks.Key
}

// live finds the mappings whose length is not, or as shorter tells not below, size (bytes), and gets the
// key for them: from the table where it stands there, otherwise by passphrase.
func (c *command) live(ctx context.Context, v *volume, unlike func(length uint64) bool) (*live, error) {
	names, err := mappingsOf(v)
	if err != nil {
		return nil, err
	}
	l := &live{}
	for _, name := range names {
		m, err := c.mapped(name)
		if err != nil {
			return nil, err
		}
		if unlike(m.crypt.Length * 512) {
			l.names = append(l.names, name)
			if l.key == nil && !c.o.DryRun {
				if l.key, err = m.tableKey(); err == nil && l.key == nil {
					l.key, err = c.unlockFor(ctx, m, v)
				}
			}
		}
		if err = errors.Join(err, m.Close()); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

// Close wipes the key.
func (l *live) Close() {
	if l.key != nil {
		l.key.Close()
	}
}

// setLength is what makes the mappings size bytes long; nil where there are none.
func (c *command) setLength(ctx context.Context, v *volume, l *live) func(size uint64) error {
	if len(l.names) == 0 {
		return nil
	}
	return func(size uint64) error {
		for _, name := range l.names {
			if err := c.reload(ctx, v, name, l.key, size); err != nil {
				return fmt.Errorf("mapping %s: %w", name, err)
			}
		}
		return nil
	}
}

// reload exchanges the table of a mapping for one of size bytes.
func (c *command) reload(ctx context.Context, v *volume, name string, key *luks.Key, size uint64) error {
	m, err := c.mapped(name)
	if err != nil {
		return err
	}
	defer m.Close()
	mapping, err := m.like(key, v, m.crypt.Key.Ring == nil)
	if err != nil {
		return err
	}
	mapping.Length = size / 512
	return activate.Reload(ctx, m.control, mapping)
}

// tellStep says with -v what is being done.
func (c *command) tellStep(s relocate.Step) { c.ui.Verbosef("%s", s) }

// showSteps is what --dry-run prints.
func (c *command) showSteps(steps []relocate.Step) {
	for i, s := range steps {
		c.ui.Printf("%d. %s", i+1, s)
	}
}

// sizeError says that nothing was changed where an error came before the first write, and what goes on
// where it came later.
func sizeError(path string, err error) error {
	var room *luks.RoomError
	var impossible *relocate.SizesError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &impossible):
		return &notice{text: fmt.Sprintf("Unsupported LUKS2 metadata size options: %v.", impossible), code: ui.Failed, err: err}
	case errors.As(err, &room):
		return &notice{text: fmt.Sprintf("The contents of %s end at byte %d of the data, which would have %d. Make them smaller first. Nothing was changed.", path, room.End, room.Size), code: ui.Failed, err: err}
	case errors.Is(err, block.ErrBusy), errors.Is(err, luks.ErrPassphrase):
		return deviceError(path, err)
	}
	return &notice{text: fmt.Sprintf("Device %s: %s.", path, oneLine(err)), code: ui.Failed, err: err}
}
