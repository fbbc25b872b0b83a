// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/crypttab"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// prepare does all that needs no key, so that nobody is asked in vain.
func (t *task) prepare(ctx context.Context) error {
	switch t.target.Options.Type {
	case crypttab.AnyLUKS:
	case crypttab.Tcrypt:
		return t.prepareTcrypt()
	case crypttab.Bitlk, crypttab.FVault2:
		return t.prepareSealed()
	default:
		return t.preparePlain()
	}
	if err := t.inspect(ctx); err != nil {
		return err
	}
	if err := t.judge(t.target.LUKS, t.target.Volume); err != nil {
		return err
	}
	if err := t.claim(); err != nil {
		return err
	}
	if t.mend(ctx) {
		if err := t.judge(t.target.LUKS, t.target.Volume); err != nil {
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
	if v.Version != 2 || v.Choice.Healthy() || t.far != nil {
		return false
	}
	event := Event{Kind: HeaderAtRisk, Volume: t.target.Name, Text: v.Choice.Reason.String()}
	if twins := t.twins(); twins != nil {
		event.Err = twins
		t.report(event)
		return false
	}
	healed, err := t.opening.Heal(ctx)
	if healed {
		event.Kind = Repaired
	}
	event.Err = err
	t.report(event)
	return healed
}

// twins are the devices that answer to the volume's name beside the one in use, with rd.orthrus.twins=first:
// which of them is the right one is not known, so nothing is written to any.
func (t *task) twins() error {
	if t.watcher == nil {
		return nil
	}
	if twins := t.watcher.Twins(t.target.Device); twins != nil {
		return twins
	}
	return nil
}

// planKeyslots tells which keyslots cannot be tried, and fails where none can.
func (t *task) planKeyslots() error {
	t.keyslots = open.SortKeyslots(t.target.LUKS.Keyslots, t.anyOrSlot(), open.Available(), t.admit)
	if len(t.keyslots.Null) > 0 {
		t.report(Event{Kind: KeyslotsNull, Volume: t.target.Name, Damaged: ids(t.keyslots.Null)})
	}
	switch {
	case len(t.keyslots.Short) > 0 && len(t.keyslots.Usable) == 0:
		return t.keyslots.MemoryError()
	case len(t.keyslots.Short) > 0:
		t.report(Event{
			Kind: KeyslotsShort, Volume: t.target.Name, Err: t.keyslots.MemoryError(),
			Damaged: ids(t.keyslots.Usable),
		})
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

// request is what is to be opened.
func (t *task) request() luks.Request {
	readOnly := t.target.Options.ReadOnly || t.config.TestOnly
	return luks.Request{Header: t.target.Header, Data: t.target.Node, ReadOnly: readOnly}
}

// claim makes sure that nothing else holds the data device.
func (t *task) claim() error {
	if t.config.TestOnly {
		return nil
	}
	return t.opening.Claim()
}
