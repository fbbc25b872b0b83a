// SPDX-License-Identifier: Apache-2.0

// Package unlock turns a passphrase into the key that a keyslot holds. It reads key material from the
// device, side by side where processors and memory allow, and writes nothing.
package unlock

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// The kinds of failure.
var (
	ErrPassphrase      = errors.New("no key available with this passphrase")
	ErrNoUsableKeyslot = errors.New("no usable keyslot is available")
	ErrVolumeKey       = errors.New("volume key does not match the volume")
)

// Options narrow where a passphrase is tried. The zero value tries all keyslots, within the limits of sane costs.
type Options struct {
	Keyslot Slot // the one to try whatever its priority; left open, all are tried
	Unbound bool // let keyslots through whose key is not the volume key
	// Only narrows the keyslots further, whatever names them; nil for none left out.
	Only func(view.Keyslot) bool
	// Admit judges the costs of a keyslot and of the digest that verifies it, before anything is
	// derived; nil admits what kdf.OpeningLimits does.
	Admit func(kdf.Params) error
}

func (o Options) lets(slot view.Keyslot) bool { return o.Only == nil || o.Only(slot) }

// attempts is what came of the keyslots that were tried.
type attempts struct {
	troubles []error
	wrong    bool
}

// Passphrase tries the passphrase on the keyslots of a volume that was read from dev, the preferred ones
// first, in the header's order. The error is ErrPassphrase where it fits none, ErrNoUsableKeyslot where there
// is none to try, fault.ErrKeyslotInactive where the one named is not there; a keyslot that cannot be read or
// needs more memory than there is does not stop the others, and is reported where none of them opens.
// Keyslots of one priority are derived side by side where processors and memory allow.
func Passphrase(ctx context.Context, dev io.ReaderAt, v view.View, passphrase []byte, o Options) (key *Key, err error) {
	tiers, err := candidates(v, o)
	if err != nil {
		return nil, err
	}
	memory := &kdf.Memory{}
	defer func() {
		if left := memory.Close(); left != nil {
			key, err = nil, errors.Join(err, left, key.Close())
		}
	}()
	if o.Admit == nil {
		o.Admit = kdf.OpeningLimits().Admit
	}
	t := trial{dev, passphrase, o.Admit, memory}
	var all attempts
	for _, slots := range tiers {
		if key := all.add(race(ctx, slots, sideBySide(slots), t.try)); key != nil {
			key.Digest = digestOf(v, key.Keyslot)
			return key, nil
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	return nil, all.err()
}

// add returns the key of the first that opened.
func (a *attempts) add(of []attempt) *Key {
	for _, one := range of {
		switch {
		case one.key != nil:
			return one.key
		case errors.Is(one.err, ErrPassphrase):
			a.wrong = true
		case one.err != nil:
			a.troubles = append(a.troubles, one.err)
		}
	}
	return nil
}

func (a *attempts) err() error {
	switch {
	case len(a.troubles) > 0:
		return errors.Join(a.troubles...)
	case a.wrong:
		return ErrPassphrase
	}
	return ErrNoUsableKeyslot
}

// candidates are the keyslots to try, by falling priority.
func candidates(v view.View, o Options) ([][]view.Keyslot, error) {
	if !o.Keyslot.Open() {
		slots, err := named(v, o)
		return [][]view.Keyslot{slots}, err
	}
	var tiers [][]view.Keyslot
	for _, p := range []luks2.Priority{luks2.PriorityPrefer, luks2.PriorityNormal} {
		var slots []view.Keyslot
		for _, slot := range v.Keyslots {
			if slot.Priority == p && slot.Openable() && (o.Unbound || !slot.Unbound) && o.lets(slot) {
				slots = append(slots, slot)
			}
		}
		tiers = append(tiers, slots)
	}
	return tiers, nil
}

func named(v view.View, o Options) ([]view.Keyslot, error) {
	slot, err := v.Keyslot(o.Keyslot.Or(AnyKeyslot))
	switch {
	case err != nil:
		return nil, err
	case !slot.Openable():
		why := fmt.Errorf("type %q: %w", slot.Type, fault.ErrUnsupported)
		return nil, fault.Keyslot(slot.ID, why)
	case slot.Unbound && !o.Unbound, !o.lets(slot):
		return nil, nil
	}
	return []view.Keyslot{slot}, nil
}

// trial is a passphrase that is tried.
type trial struct {
	dev        io.ReaderAt
	passphrase []byte
	admit      func(kdf.Params) error
	memory     *kdf.Memory
}

// try returns ErrPassphrase, or a fault.KeyslotError for any other reason.
func (t trial) try(ctx context.Context, slot view.Keyslot) (*Key, error) {
	if err := slot.Admit(t.admit); err != nil {
		return nil, err
	}
	if sector.IsNull(slot.Spec.Cipher) && len(t.passphrase) > 0 {
		return nil, ErrPassphrase
	}
	key, err := t.open(ctx, slot)
	if err != nil && !errors.Is(err, ErrPassphrase) {
		return nil, fault.Keyslot(slot.ID, err)
	}
	return key, err
}

func (t trial) open(ctx context.Context, slot view.Keyslot) (*Key, error) {
	if err := slot.Fits(); err != nil {
		return nil, err
	}
	material := make([]byte, slot.Spec.MaterialSize())
	if n, err := t.dev.ReadAt(material, int64(slot.Area.Offset)); n < len(material) {
		return nil, cmp.Or(err, io.ErrUnexpectedEOF)
	}
	key, err := keyslot.Open(ctx, slot.Spec, material, t.passphrase, t.memory)
	if err != nil {
		return nil, err
	}
	fits, err := slot.Digest.Verify(ctx, key.Bytes())
	if err == nil && fits {
		return &Key{Buffer: key, Keyslot: slot.ID, From: &slot.Identity}, nil
	}
	if closeErr := key.Close(); closeErr != nil || err != nil {
		return nil, errors.Join(err, closeErr)
	}
	return nil, ErrPassphrase
}

// digestOf is the id of the digest that verifies a keyslot's key; 0 for LUKS1.
func digestOf(v view.View, keyslot int) int {
	if v.Version == 2 {
		if d, found := v.Metadata().DigestOfKeyslot(keyslot); found {
			return d.ID
		}
	}
	return 0
}
