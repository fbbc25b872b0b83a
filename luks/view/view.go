// SPDX-License-Identifier: Apache-2.0

// Package view says in one set of words what the metadata of either version say: what lies where, which
// keyslots there are and how each is opened. It reads, and knows neither passphrases nor writes.
package view

import (
	"bytes"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// View is a volume's metadata as they were read.
type View struct {
	Version   int // 1 or 2
	UUID      string
	Label     string // LUKS2
	Subsystem string // LUKS2
	Data      Data
	Keyslots  []Keyslot // in the order of the header, the disabled ones of LUKS1 left out

	Heads  header.Heads  // LUKS2: every copy as found
	Choice header.Choice // LUKS2: the copy in use
	LUKS1  luks1.Header  // LUKS1

	Digest *digest.Digest // of the data segment's key; nil where there is none of a known type
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

// Read reads the metadata, for a caller that holds the device's lock. The error is fault.ErrNotLUKS where
// nothing looks like LUKS, a *header.NoHeaderError where both heads are bad, or a *luks1.FieldError.
func Read(dev header.Device) (View, error) {
	h, err := header.Read1(dev)
	if err == nil {
		return Of1(h), nil
	}
	if !errors.Is(err, luks1.ErrMagic) && !errors.Is(err, luks1.ErrVersion) {
		return View{}, err
	}
	heads := header.Read(dev)
	choice, err := header.Choose(heads)
	var none *header.NoHeaderError
	if errors.As(err, &none) && none.Absent() {
		return View{}, fault.ErrNotLUKS
	}
	if err != nil {
		return View{}, err
	}
	return Of2(heads, choice), nil
}

// Keyslot returns the active keyslot of that id. The error is a fault.KeyslotError.
func (v View) Keyslot(id int) (Keyslot, error) {
	for _, k := range v.Keyslots {
		if k.ID == id {
			return k, nil
		}
	}
	return Keyslot{}, fault.Keyslot(id, fault.ErrKeyslotInactive)
}

// BoundKeyslots counts the openable keyslots that hold a key that data need.
func (v View) BoundKeyslots() int {
	count := 0
	for _, k := range v.Keyslots {
		if k.OpensData() {
			count++
		}
	}
	return count
}

// Last tells whether a keyslot is the only one that opens a key that data need.
func (v View) Last(k Keyslot) bool {
	if !k.OpensData() {
		return false
	}
	for _, other := range v.Keyslots {
		if other.ID != k.ID && other.OpensData() && bytes.Equal(other.Digest.Sum, k.Digest.Sum) {
			return false
		}
	}
	return true
}

// Keys are the digests of the keys that data need: one or, in a reencryption between two keys, both of them.
func (v View) Keys() [][]byte {
	if v.Version != 2 {
		return [][]byte{v.KeyDigest()}
	}
	var list [][]byte
	for _, d := range v.Metadata().Digests() {
		if d.ServesData() {
			list = append(list, d.Value)
		}
	}
	return list
}

// Metadata is the JSON of a LUKS2 volume; nil for LUKS1. It must not be changed.
func (v View) Metadata() *luks2.Metadata { return v.Choice.Copy.Metadata }

// KeyDigest is the digest by which the header knows its volume key, as luksDump shows it; nil where
// there is none of a known type. Only the holder of the volume key can make a header with it.
func (v View) KeyDigest() []byte {
	if v.Digest == nil {
		return nil
	}
	return bytes.Clone(v.Digest.Sum)
}

// Requirements returns the requirements of the header that are not met here; while there are any,
// the volume is neither activated nor changed.
func (v View) Requirements() []string {
	if v.Version != 2 {
		return nil
	}
	return v.Metadata().Requirements()
}

// CheckRequirements returns a luks2.RequirementsError where Requirements names any.
func (v View) CheckRequirements() error {
	if unmet := v.Requirements(); len(unmet) > 0 {
		return &luks2.RequirementsError{Names: unmet}
	}
	return nil
}

// CheckMappable refuses what cannot be mapped as one crypt line: requirements that are not met
// (luks2.RequirementsError), and segments of other types (fault.SegmentError). Authenticated encryption lies on a layer
// of its own.
func (v View) CheckMappable() error {
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	if v.Data.Type != "crypt" {
		return &fault.SegmentError{Type: v.Data.Type}
	}
	return nil
}
