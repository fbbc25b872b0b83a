// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Volume is a volume's metadata as it stood when it was loaded or last changed through it.
type Volume struct {
	dev Device

	Version   int // 1 or 2
	UUID      string
	Label     string // LUKS2
	Subsystem string // LUKS2
	Data      Data
	Keyslots  []Keyslot // in the order of the header, the disabled ones of LUKS1 left out

	Heads  header.Heads  // LUKS2: every copy as found
	Choice header.Choice // LUKS2: the copy in use
	LUKS1  luks1.Header  // LUKS1
	// FarLag is why the last change through this Volume left the far header as it was; nil where it did
	// not, or where there is none.
	FarLag error
	digest *digest.Digest // of the data segment's key; nil where there is none
}

// Data describes the encrypted data.
type Data struct {
	Offset     uint64 // bytes
	Size       uint64 // bytes, 0 where Dynamic
	Dynamic    bool   // up to the device's end
	Type       string // of the segment: "crypt", …
	Cipher     string // "aes-xts-plain64"
	KeySize    int    // bytes; 0 where no keyslot tells
	SectorSize int    // bytes
	IVTweak    uint64 // 512-byte sectors added to the IV number
	DigestID   int    // LUKS2: the digest of the volume key, -1 without
	Integrity  *luks2.Integrity
}

// Keyslot is one keyslot of either version.
type Keyslot struct {
	ID       int
	Type     string // "luks2", "luks1", or one that cannot be opened here
	Priority luks2.Priority
	Unbound  bool           // its key is not the volume key
	Area     luks2.Extent   // where the material lies, bytes
	Spec     keyslot.Spec   // how to open it; zero for other types
	digest   *digest.Digest // nil where no digest of a known type lists it
	identity commit.Identity
}

// Openable tells whether the type is one that a passphrase can open.
func (k Keyslot) Openable() bool { return k.Spec.KeySize > 0 && k.digest != nil }

// Load reads the metadata under the device's shared lock. It never writes. The error is
// ErrNotLUKS where nothing looks like LUKS, a *header.NoHeaderError where both heads are bad, or a
// *luks1.FieldError.
func Load(ctx context.Context, dev Device) (*Volume, error) {
	v := &Volume{dev: dev}
	return v, commit.Locked(ctx, dev, false, v.load)
}

// FromHeads is the volume of LUKS2 heads that were read from dev already.
func FromHeads(dev Device, heads header.Heads, choice header.Choice) *Volume {
	v := &Volume{dev: dev}
	v.setLUKS2(heads, choice)
	return v
}

// load reads again; the caller holds the lock.
func (v *Volume) load() error {
	fresh := Volume{dev: v.dev}
	if h, err := header.Read1(v.dev); err == nil {
		fresh.setLUKS1(h)
		*v = fresh
		return nil
	} else if !errors.Is(err, luks1.ErrMagic) && !errors.Is(err, luks1.ErrVersion) {
		return err
	}
	heads := header.Read(v.dev)
	choice, err := header.Choose(heads)
	var none *header.NoHeaderError
	if errors.As(err, &none) && none.Absent() {
		return ErrNotLUKS
	}
	if err != nil {
		return err
	}
	fresh.setLUKS2(heads, choice)
	*v = fresh
	return nil
}

// Device is what the volume was loaded from.
func (v *Volume) Device() Device { return v.dev }

// Keyslot returns the active keyslot of that id.
func (v *Volume) Keyslot(id int) (Keyslot, error) {
	for _, k := range v.Keyslots {
		if k.ID == id {
			return k, nil
		}
	}
	return Keyslot{}, &KeyslotError{Keyslot: id, Err: ErrKeyslotInactive}
}

// Metadata is the JSON of a LUKS2 volume; nil for LUKS1. It must not be changed.
func (v *Volume) Metadata() *luks2.Metadata { return v.Choice.Copy.Metadata }
