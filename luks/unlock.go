// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// AnyKeyslot lets Unlock try the keyslots by their priorities, and AddKey take the lowest free one.
const AnyKeyslot = -1

// Key is a key recovered from a keyslot, or given and verified.
type Key struct {
	*secret.Buffer
	Keyslot int // AnyKeyslot where the key was given
	Digest  int // LUKS2: id of the digest that verified it; 0 for LUKS1
	// from is what the keyslot was that the key came from; nil where the key was given.
	from *commit.Identity
}

// Close wipes the key; nil has nothing to wipe.
func (k *Key) Close() error {
	if k == nil {
		return nil
	}
	return k.Buffer.Close()
}

// UnlockOptions narrow where a passphrase is tried.
type UnlockOptions struct {
	Keyslot int  // AnyKeyslot, or the one to try whatever its priority
	Unbound bool // let keyslots through whose key is not the volume key
	// Only narrows the keyslots further, whatever names them; nil for none left out.
	Only func(Keyslot) bool
	// Admit judges the costs of a keyslot and of the digest that verifies it, before anything is
	// derived; nil admits all.
	Admit func(kdf.Params) error
}

func (o UnlockOptions) lets(slot Keyslot) bool { return o.Only == nil || o.Only(slot) }

// Unlock tries the passphrase on the keyslots, the preferred ones first, in the header's order.
// The error is ErrPassphrase where it fits none, ErrNoUsableKeyslot where there is none to try,
// ErrKeyslotInactive where the one named is not there; a keyslot that cannot be read or needs more
// memory than there is does not stop the others, and is reported where none of them opens. Keyslots
// of one priority are derived side by side where processors and memory allow.
func (v *Volume) Unlock(ctx context.Context, passphrase []byte, o UnlockOptions) (key *Key, err error) {
	tiers, err := v.candidates(o)
	if err != nil {
		return nil, err
	}
	memory := &kdf.Memory{}
	defer func() {
		if left := memory.Close(); left != nil {
			key, err = nil, errors.Join(err, left, key.Close())
		}
	}()
	var troubles []error
	wrong := false
	for _, slots := range tiers {
		attempts := race(ctx, slots, sideBySide(slots), func(ctx context.Context, slot Keyslot) (*Key, error) {
			return v.try(ctx, slot, passphrase, o.Admit, memory)
		})
		for _, a := range attempts {
			switch {
			case a.key != nil:
				return a.key, nil
			case errors.Is(a.err, ErrPassphrase):
				wrong = true
			case a.err != nil:
				troubles = append(troubles, a.err)
			}
		}
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
	switch {
	case len(troubles) > 0:
		return nil, errors.Join(troubles...)
	case wrong:
		return nil, ErrPassphrase
	}
	return nil, ErrNoUsableKeyslot
}

// candidates are the keyslots to try, by falling priority.
func (v *Volume) candidates(o UnlockOptions) ([][]Keyslot, error) {
	if o.Keyslot != AnyKeyslot {
		slots, err := v.named(o)
		return [][]Keyslot{slots}, err
	}
	var tiers [][]Keyslot
	for _, p := range []luks2.Priority{luks2.PriorityPrefer, luks2.PriorityNormal} {
		var slots []Keyslot
		for _, slot := range v.Keyslots {
			if slot.Priority == p && slot.Openable() && (o.Unbound || !slot.Unbound) && o.lets(slot) {
				slots = append(slots, slot)
			}
		}
		tiers = append(tiers, slots)
	}
	return tiers, nil
}

func (v *Volume) named(o UnlockOptions) ([]Keyslot, error) {
	slot, err := v.Keyslot(o.Keyslot)
	switch {
	case err != nil:
		return nil, err
	case !slot.Openable():
		return nil, &KeyslotError{slot.ID, fmt.Errorf("type %q: %w", slot.Type, ErrUnsupported)}
	case slot.Unbound && !o.Unbound, !o.lets(slot):
		return nil, nil
	}
	return []Keyslot{slot}, nil
}

// Admit judges the costs of an openable keyslot and of the digest that verifies its key. The error
// is a KeyslotError.
func (k Keyslot) Admit(judge func(kdf.Params) error) error {
	checking := kdf.Params{Type: kdf.PBKDF2, Hash: k.digest.Hash, Iterations: k.digest.Iterations}
	if err := errors.Join(judge(k.Spec.KDF), judge(checking)); err != nil {
		return &KeyslotError{k.ID, err}
	}
	return nil
}

// try returns ErrPassphrase, or a KeyslotError for any other reason.
func (v *Volume) try(ctx context.Context, slot Keyslot, passphrase []byte, admit func(kdf.Params) error,
	memory *kdf.Memory,
) (*Key, error) {
	if admit != nil {
		if err := slot.Admit(admit); err != nil {
			return nil, err
		}
	}
	if sector.IsNull(slot.Spec.Cipher) && len(passphrase) > 0 {
		return nil, ErrPassphrase
	}
	if err := slot.fits(); err != nil {
		return nil, &KeyslotError{slot.ID, err}
	}
	material := make([]byte, slot.Spec.MaterialSize())
	if n, err := v.dev.ReadAt(material, int64(slot.Area.Offset)); n < len(material) {
		return nil, &KeyslotError{slot.ID, err}
	}
	key, err := keyslot.Open(ctx, slot.Spec, material, passphrase, memory)
	if err != nil {
		return nil, &KeyslotError{slot.ID, err}
	}
	fits, err := slot.digest.Verify(ctx, key.Bytes())
	if err == nil && fits {
		return &Key{Buffer: key, Keyslot: slot.ID, Digest: v.digestOf(slot.ID), from: &slot.identity}, nil
	}
	if closeErr := key.Close(); closeErr != nil || err != nil {
		return nil, &KeyslotError{slot.ID, errors.Join(err, closeErr)}
	}
	return nil, ErrPassphrase
}

// fits holds the material that the header asks for against its area, before memory is given to it.
func (k Keyslot) fits() error {
	if err := k.Spec.Check(); err != nil {
		return err
	}
	if need := uint64(k.Spec.MaterialSize()); need > k.Area.Size {
		return geometry("area", "%d bytes for material of %d", k.Area.Size, need)
	}
	return nil
}

func (v *Volume) digestOf(keyslot int) int {
	if v.Version == 2 {
		if d, found := v.Metadata().DigestOfKeyslot(keyslot); found {
			return d.ID
		}
	}
	return 0
}

// VerifyKey takes over a key that was given and checks that it is the volume key: ErrVolumeKey
// where it is not, and the key is then closed.
func (v *Volume) VerifyKey(ctx context.Context, key *secret.Buffer) (*Key, error) {
	if v.digest == nil {
		return nil, errors.Join(ErrUnsupported, key.Close())
	}
	fits, err := v.digest.Verify(ctx, key.Bytes())
	if err == nil && fits {
		return &Key{Buffer: key, Keyslot: AnyKeyslot, Digest: max(v.Data.DigestID, 0)}, nil
	}
	if err == nil {
		err = ErrVolumeKey
	}
	return nil, errors.Join(err, key.Close())
}

// BoundKeyslots counts the openable keyslots that hold the volume key.
func (v *Volume) BoundKeyslots() int {
	count := 0
	for _, k := range v.Keyslots {
		if k.opensData() {
			count++
		}
	}
	return count
}
