// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/given"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// What a caller may have left out.
var (
	ErrNoContext = given.ErrNoContext
	ErrNoDevice  = errors.New("no device is given")
	// ErrNoPassphrase: the passphrase of a new keyslot is nil. One that is empty and not nil is taken, as cryptsetup
	// does with an empty key file; it opens for everybody.
	ErrNoPassphrase = errors.New("no passphrase is given")
)

// present tells whether a device was given, and not a File that nobody opened.
func present(dev Device) bool {
	file, ours := dev.(*File)
	return dev != nil && (!ours || file != nil && file.Device != nil)
}

// someone refuses a keyslot for nobody: ErrNoPassphrase.
func someone(passphrase []byte) error {
	if passphrase == nil {
		return ErrNoPassphrase
	}
	return nil
}

// whole refuses to protect no key, or for nobody: ErrVolumeKey, ErrNoPassphrase, ErrNoContext.
func whole(ctx context.Context, key *Key, passphrase []byte) error {
	if key.Len() == 0 {
		return ErrVolumeKey
	}
	return errors.Join(given.Context(ctx), someone(passphrase))
}

// device is what the volume was loaded from; nil where there is none.
func (v *Volume) device() Device {
	if v == nil || !present(v.dev) {
		return nil
	}
	return v.dev
}

// The methods of View, as the volume is now, and for a volume of nothing.

// Keyslot returns a keyslot by its number; ErrKeyslotInactive where it is not active.
func (v *Volume) Keyslot(id int) (Keyslot, error) { return v.now().Keyslot(id) }

// BoundKeyslots counts the keyslots that open the data.
func (v *Volume) BoundKeyslots() int { return v.now().BoundKeyslots() }

// Keys are the digests of the keys that data need; see View.
func (v *Volume) Keys() [][]byte { return v.now().Keys() }

// Metadata returns those of LUKS2; nil for LUKS1.
func (v *Volume) Metadata() *luks2.Metadata { return v.now().Metadata() }

// KeyDigest is the digest by which the header knows its volume key; nil where there is none of a known type.
func (v *Volume) KeyDigest() []byte { return v.now().KeyDigest() }

// Requirements returns the requirements of the header that are not met here; while there are any, the volume is neither
// activated nor changed.
func (v *Volume) Requirements() []string { return v.now().Requirements() }

// CheckRequirements returns a RequirementsError where Requirements names any.
func (v *Volume) CheckRequirements() error { return v.now().CheckRequirements() }

// CheckMappable refuses what cannot be mapped: requirements that are not met, and segments of other types than crypt (a
// SegmentError).
func (v *Volume) CheckMappable() error { return v.now().CheckMappable() }
