// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/cmd/internal/boot/plan"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// prepare does all that needs no key, so that nobody is asked in vain.
func (t *task) prepare(ctx context.Context) error {
	if t.target.Options.Type != crypttab.AnyLUKS {
		return t.preparePlain()
	}
	file, err := luks.OpenDevice(t.target.Header, luks.DeviceOptions{})
	if err != nil {
		return err
	}
	t.release = append(t.release, file.Close)
	if t.target.LUKS, err = luks.Load(ctx, file); err != nil {
		return err
	}
	if err := judge(t.target.LUKS, t.target.Volume, t.plan.Policy.Ciphers); err != nil {
		return err
	}
	if err := t.load(plan.Modules(t.target.LUKS.Data.Cipher)...); err != nil {
		return err
	}
	if err := t.claim(); err != nil {
		return err
	}
	if t.mend(ctx) {
		if err := judge(t.target.LUKS, t.target.Volume, t.plan.Policy.Ciphers); err != nil {
			return err
		}
	}
	return t.planKeyslots()
}

// mend repairs a damaged copy of the header, as opening does everywhere, unless something else left
// its signature there. The volume opens by the good copy all the same. It returns true where the
// header was read again.
func (t *task) mend(ctx context.Context) (reloaded bool) {
	v := t.target.LUKS
	if v.Version != 2 || v.Choice.Healthy() {
		return false
	}
	event := Event{Kind: HeaderAtRisk, Volume: t.target.Name, Text: v.Choice.Reason.String()}
	if t.config.TestOnly || t.target.Options.ReadOnly || v.Choice.Reason == header.Conflicting {
		t.report(event)
		return false
	}
	healed, err := luks.HealDevice(ctx, t.target.Header)
	if err != nil || !healed {
		event.Err = err
		t.report(event)
		return false
	}
	event.Kind = Repaired
	t.report(event)
	if err := v.Reload(ctx); err != nil {
		t.report(Event{Kind: Note, Volume: t.target.Name, Err: err})
	}
	return true
}

// planKeyslots tells which keyslots cannot be tried, and fails where none can.
func (t *task) planKeyslots() error {
	t.keyslots = SortKeyslots(t.target.LUKS.Keyslots, t.anyOrSlot(), available(), t.admit)
	if len(t.keyslots.Null) > 0 {
		t.report(Event{Kind: KeyslotsNull, Volume: t.target.Name, Damaged: ids(t.keyslots.Null)})
	}
	switch {
	case len(t.keyslots.Short) > 0 && len(t.keyslots.Usable) == 0:
		return t.keyslots.MemoryError()
	case len(t.keyslots.Short) > 0:
		t.report(Event{Kind: KeyslotsShort, Volume: t.target.Name, Err: t.keyslots.MemoryError(), Damaged: ids(t.keyslots.Usable)})
	case len(t.keyslots.Usable) == 0 && len(t.keyslots.Costly) > 0:
		return t.keyslots.Costly[0]
	case len(t.keyslots.Usable) == 0 && len(t.keyslots.Null) > 0:
		return &CipherError{Cipher: t.keyslots.Null[0].Spec.Cipher, Keyslot: t.keyslots.Null[0].ID}
	case len(t.keyslots.Usable) == 0:
		return luks.ErrNoUsableKeyslot
	}
	return nil
}

func (t *task) anyOrSlot() int { return t.target.Options.Keyslot }

func ids(slots []luks.Keyslot) []int {
	var all []int
	for _, s := range slots {
		all = append(all, s.ID)
	}
	slices.Sort(all)
	return all
}

// claim makes sure that nothing else holds the data device; a file gets a loop device.
func (t *task) claim() error {
	if t.config.TestOnly {
		return nil
	}
	dev, err := block.Open(t.target.Node, 0)
	if err != nil {
		return err
	}
	isBlock := dev.IsBlock()
	if err := dev.Close(); err != nil {
		return err
	}
	path := t.target.Node
	if !isBlock {
		if t.loop, err = block.AttachLoop(path, block.LoopOptions{AutoClear: true, ReadOnly: t.target.Options.ReadOnly}); err != nil {
			return err
		}
		t.release = append(t.release, t.loop.Close)
		path = t.loop.Path
	}
	t.data, err = activate.Inspect(path, false)
	t.data.ReadOnly = t.data.ReadOnly || t.target.Options.ReadOnly
	return err
}

// unchanged compares the disk with the one that was claimed, since a number may come to mean another.
func (t *task) unchanged() error {
	path := t.target.Node
	if t.loop != nil {
		path = t.loop.Path
	}
	now, err := activate.Inspect(path, false)
	if err != nil {
		return err
	}
	if now.Device != t.data.Device || now.DiskSeq != t.data.DiskSeq {
		return errors.Join(ErrReplaced, &block.PathError{Op: "map", Path: path})
	}
	t.data.Size = now.Size
	return nil
}
