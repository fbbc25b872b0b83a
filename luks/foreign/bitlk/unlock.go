// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"context"
	"crypto/sha256"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// Key is the key of the data, as the mapping gets it.
type Key struct {
	*secret.Buffer
	VMK int // number of the master key, in the order of the metadata, that led to it

	Unproved bool // no copy of the metadata is proved by it
}

// ByAsking fails with ErrNoProtector where nothing that a person could give opens the volume.
func (v *Volume) ByAsking() error {
	for _, m := range v.VMKs {
		if m.openable(ByPassphrase) || m.openable(ByRecovery) || m.openable(ByStartupKey) {
			return nil
		}
	}
	return ErrNoProtector
}

// ClearKey opens a volume whose protection is suspended: the key of a master key lies beside it. It is nil where
// there is none. Errors: ErrKey for one that opens nothing, those of Unlock.
func (v *Volume) ClearKey() (*Key, error) {
	for i, m := range v.VMKs {
		if m.openable(ByClearKey) && m.clear != nil {
			return v.try(i, m.clear)
		}
	}
	return nil, nil
}

// Unlock tries what a person gave: a startup key file, a recovery password, a passphrase, whatever it looks like, the
// cheapest first. Where the key does not prove the chosen copy of the metadata, the volume turns to one that it
// proves. Errors: ErrKey where it opens nothing, an OtherVolumeError, ErrStartupKey, ErrTampered, a FieldError, the
// context's.
func (v *Volume) Unlock(ctx context.Context, given []byte) (*Key, error) {
	switch s, err := parseStartupKey(given); {
	case s != nil:
		return v.byStartupKey(s)
	case v.meant(given):
		return nil, err
	}
	initial, err := ofRecovery(given)
	if err != nil {
		return nil, err
	}
	if initial != nil {
		key, err := v.byStretching(ctx, ByRecovery, initial)
		if !errors.Is(err, ErrKey) {
			return key, err
		}
	}
	return v.byPassphrase(ctx, given)
}

// byPassphrase takes the passphrase as Windows does: what is hashed are the units of its UTF-16. Then it takes it as
// cryptsetup does (seen with 2.6.1 and 2.7.5), which hashes two bytes for each byte of the UTF-8, zeros behind the
// text; that differs where a character is no ASCII.
func (v *Volume) byPassphrase(ctx context.Context, given []byte) (*Key, error) {
	units, own, err := utf16LE(given)
	if err != nil {
		return nil, err
	}
	defer units.Close()
	key, err := v.byUnits(ctx, units.Bytes()[:own])
	if errors.Is(err, ErrKey) && own < units.Len() {
		return v.byUnits(ctx, units.Bytes())
	}
	return key, err
}

func (v *Volume) byUnits(ctx context.Context, units []byte) (*Key, error) {
	initial, err := twice(units)
	if err != nil {
		return nil, err
	}
	return v.byStretching(ctx, ByPassphrase, initial)
}

func (v *Volume) byStartupKey(s *startupKey) (*Key, error) {
	if s.volume != nil && *s.volume != v.GUID {
		return nil, &OtherVolumeError{GUID: *s.volume}
	}
	for i, m := range v.VMKs {
		if m.openable(ByStartupKey) && m.GUID == s.guid {
			return v.try(i, s.key)
		}
	}
	return nil, ErrKey
}

// byStretching tries every master key of a protection; initial is closed.
func (v *Volume) byStretching(ctx context.Context, by Protection, initial *secret.Buffer) (*Key, error) {
	defer initial.Close()
	for i, m := range v.VMKs {
		if !m.openable(by) {
			continue
		}
		derived, err := stretch(ctx, initial.Bytes(), m.Salt)
		if err != nil {
			return nil, err
		}
		key, err := v.try(i, derived.Bytes())
		if err := errors.Join(err, derived.Close()); !errors.Is(err, ErrKey) {
			return key, err
		}
	}
	return nil, ErrKey
}

// try opens a master key with a key, and with it the key of the data. The error is ErrKey for the wrong one.
func (v *Volume) try(i int, key []byte) (*Key, error) {
	vmk, err := v.VMKs[i].Sealed.open("VMK", key, keySize)
	if errors.Is(err, errTag) {
		return nil, ErrKey
	}
	if err != nil {
		return nil, err
	}
	defer vmk.Close()
	i, unproved := v.prove(i, vmk.Bytes())
	if unproved != nil && !v.Unproved {
		return nil, unproved
	}
	data, err := v.dataKey(vmk.Bytes())
	if err != nil {
		return nil, err
	}
	return &Key{Buffer: data, VMK: i, Unproved: unproved != nil}, nil
}

// prove turns to another valid copy, the newest first, where the master key does not prove the chosen one, and gives
// the number that the master key has there. The error is that of the chosen one where none is proved.
func (v *Volume) prove(i int, vmk []byte) (int, error) {
	err := v.authentic(vmk)
	if err == nil {
		return i, nil
	}
	var best *Volume
	number := i
	for at := range v.Found {
		b := v.Found[at].Block
		if v.Found[at].State != header.Valid || best != nil && b.NextNonce <= best.NextNonce {
			continue
		}
		other := &Volume{Copies: v.Copies, Choice: Choice{at, Proved}, Block: b, Unproved: v.Unproved}
		n := other.numberOf(v.VMKs[i].GUID)
		if n >= 0 && other.Openable() == nil && other.authentic(vmk) == nil {
			best, number = other, n
		}
	}
	if best == nil {
		return i, err
	}
	*v = *best
	return number, nil
}

// numberOf is the place of a master key, -1 where it is not there.
func (v *Volume) numberOf(guid GUID) int {
	for i, m := range v.VMKs {
		if m.GUID == guid {
			return i
		}
	}
	return -1
}

// authentic compares the sealed hash with that of the metadata.
func (v *Volume) authentic(vmk []byte) error {
	want, err := v.hash.open("validation", vmk, sha256.Size)
	if err != nil {
		return errors.Join(ErrTampered, err)
	}
	defer want.Close()
	if sum := sha256.Sum256(v.covered); !want.Equal(sum[:]) {
		return ErrTampered
	}
	return nil
}

// dataKey opens the FVEK, and leaves of it what the mapping uses.
func (v *Volume) dataKey(vmk []byte) (*secret.Buffer, error) {
	row, known := v.Method.row()
	switch {
	case !known:
		return nil, ErrMethod
	case v.FVEK == nil:
		return nil, field("FVEK", "there is none")
	}
	fvek, err := v.FVEK.open("FVEK", vmk, row.fvek)
	if errors.Is(err, errTag) {
		return nil, field("FVEK", "the volume master key does not open it")
	}
	if err != nil {
		return nil, err
	}
	if half := row.key / 2; row.elephant {
		copy(fvek.Bytes()[half:2*half], fvek.Bytes()[keySize:])
		fvek.Truncate(2 * half)
	}
	return fvek, nil
}
