// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// activate maps the volume, with its key linked into a keyring where that was asked for.
func (t *task) activate(ctx context.Context) error {
	if err := t.opening.Unchanged(); err != nil {
		return err
	}
	name := t.share.settle()
	if t.tcrypt != nil {
		return t.activateTcrypt(ctx, name)
	}
	if t.sealed != nil {
		return t.activateSealed(ctx, name)
	}
	m, err := t.mapping(name)
	if err != nil {
		return err
	}
	undo := t.link()
	if _, err := t.opening.Map(ctx, t.control, m); err != nil {
		return errors.Join(err, undo())
	}
	if t.target.Options.Type == crypttab.Swap || t.target.Options.Type == crypttab.Tmp {
		return t.makeContents(ctx, "/dev/mapper/"+name)
	}
	return nil
}

func (t *task) mapping(name string) (activate.Mapping, error) {
	if t.target.LUKS == nil {
		return t.plainMapping(name)
	}
	m, err := t.opening.Mapping(name, t.key, false)
	m.Flags |= t.target.Options.Flags
	return m, err
}

// link hands the volume key to whoever looks in a keyring for it. That it cannot be is no reason not
// to boot.
func (t *task) link() (undo func() error) {
	none := func() error { return nil }
	text := t.target.Options.LinkVolumeKey
	if text == "" {
		return none
	}
	link, err := activate.ParseLink(text)
	if err == nil {
		ring, ringErr := link.Keyring()
		if err = ringErr; err == nil {
			undo, err = link.Put(ring, t.key.Bytes())
		}
	}
	if err != nil {
		t.report(Event{Kind: KeptFailed, Volume: t.target.Name, Text: "link-volume-key=" + text, Err: err})
		return none
	}
	return undo
}
