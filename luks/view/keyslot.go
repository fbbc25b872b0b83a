// SPDX-License-Identifier: Apache-2.0

package view

import (
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Keyslot is one keyslot of either version.
type Keyslot struct {
	ID       int
	Type     string // "luks2", "luks1", or one that cannot be opened here
	Priority luks2.Priority
	Unbound  bool            // its key is not the volume key
	Needed   bool            // its key is that of some segment's data: the volume key or, in a reencryption, the other
	Area     luks2.Extent    // where the material lies, bytes
	Spec     keyslot.Spec    // how to open it; zero for other types
	Digest   *digest.Digest  // that its key satisfies; nil where none of a known type lists it
	Identity commit.Identity // what it is, whatever its number
}

// Openable tells whether the type is one that a passphrase can open.
func (k Keyslot) Openable() bool { return k.Spec.KeySize > 0 && k.Digest != nil }

// OpensData tells whether the keyslot holds a key that data need.
func (k Keyslot) OpensData() bool { return k.Openable() && k.Needed }

// Admit judges the costs of an openable keyslot and of the digest that verifies its key. The error
// is a fault.KeyslotError.
func (k Keyslot) Admit(judge func(kdf.Params) error) error {
	checking := kdf.Params{Type: kdf.PBKDF2, Hash: k.Digest.Hash, Iterations: k.Digest.Iterations}
	if err := errors.Join(judge(k.Spec.KDF), judge(checking)); err != nil {
		return fault.Keyslot(k.ID, err)
	}
	return nil
}

// Fits holds the material that the header asks for against its area, before memory is given to it.
func (k Keyslot) Fits() error {
	if err := k.Spec.Check(); err != nil {
		return err
	}
	if need := uint64(k.Spec.MaterialSize()); need > k.Area.Size {
		return fault.Geometry("area", "%d bytes for material of %d", k.Area.Size, need)
	}
	return nil
}
