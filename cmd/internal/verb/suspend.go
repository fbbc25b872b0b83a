// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// luksSuspend freezes a mapping and takes its key out of the kernel.
func luksSuspend(ctx context.Context, c *command) error {
	m, err := c.mapped(c.Args[0])
	if err != nil {
		return err
	}
	defer m.Close()
	if m.kind == activate.Plain {
		return failure(ui.Failed, "Device %s is plain; only LUKS mappings can be suspended and resumed.", m.name)
	}
	if m.info.Suspended {
		return failure(ui.Failed, "Volume %s is already suspended.", m.name)
	}
	if err := activate.Suspend(ctx, m.control, m.name); err != nil {
		return err
	}
	return releaseKey(mappedVolume(m.info.UUID))
}

// luksResume gives a frozen mapping its key back.
func luksResume(ctx context.Context, c *command) error {
	m, err := c.mapped(c.Args[0])
	if err != nil {
		return err
	}
	defer m.Close()
	if !m.info.Suspended {
		return failure(ui.Failed, "Volume %s is not suspended.", m.name)
	}
	v, err := c.volumeOf(ctx, m)
	if err != nil {
		return err
	}
	defer v.Close()
	link, err := c.link()
	if err != nil {
		return err
	}
	key, err := c.unlockFor(ctx, m, v)
	if err != nil {
		return err
	}
	defer key.Close()
	mapping, err := m.like(key, v, c.o.DisableKeyring || v.Version == 1)
	if err != nil {
		return err
	}
	undo, err := link.enter(key.Bytes())
	if err != nil {
		return err
	}
	if err := activate.Resume(ctx, m.control, mapping); err != nil {
		return errors.Join(err, undo())
	}
	return nil
}
