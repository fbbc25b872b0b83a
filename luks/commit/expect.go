// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// The kinds of belief that turned out otherwise under the lock. Nothing is written then.
var (
	ErrAnotherVolume = errors.New("the device holds another volume than before")
	// ErrMeanwhile is the kind of MeanwhileError.
	ErrMeanwhile = errors.New("somebody else changed the volume meanwhile")
	// ErrLastKey is wrapped by a MeanwhileError: what else would have opened the data has gone.
	ErrLastKey = errors.New("no other keyslot would open the data any more")
	// ErrAuthority is wrapped by a MeanwhileError: the passphrase that was given opens no longer.
	ErrAuthority = errors.New("the passphrase that was given has been revoked")
)

// MeanwhileError says what is not as the operation believed.
type MeanwhileError struct {
	Keyslot int // -1 where it is about none
	Token   int // -1 where it is about none
	Err     error
}

func (e *MeanwhileError) Error() string {
	what := ""
	switch {
	case e.Keyslot >= 0:
		what = fmt.Sprintf("keyslot %d: ", e.Keyslot)
	case e.Token >= 0:
		what = fmt.Sprintf("token %d: ", e.Token)
	}
	if e.Err == nil {
		return what + ErrMeanwhile.Error()
	}
	return fmt.Sprintf("%s%v: %v", what, ErrMeanwhile, e.Err)
}

func (e *MeanwhileError) Unwrap() []error { return []error{ErrMeanwhile, e.Err} }

// Identity is what a keyslot is, whatever its number: whoever writes new material draws a new salt.
type Identity struct {
	ID     int
	Area   luks2.Extent // where its material lies, bytes
	Salt   []byte       // of its KDF; empty for types without one
	Digest []byte       // that its key satisfies; empty where none of a known type lists it
}

// Same compares all of it.
func (i Identity) Same(o Identity) bool {
	return i.ID == o.ID && i.Area == o.Area && bytes.Equal(i.Salt, o.Salt) && bytes.Equal(i.Digest, o.Digest)
}

// Expect is what an operation believes of the volume. It is held against what the device says under the lock.
type Expect struct {
	UUID string // of the volume; empty for any
	// Keyslots are those that the operation is about.
	Keyslots []Identity
	// Authority is the keyslot whose passphrase allowed the operation; nil for none.
	Authority *Identity
	// VolumeKey is the digest that the key satisfied which allowed the operation; empty for none.
	VolumeKey []byte
	// Remains is the digest of a key that data need: another keyslot that holds it is there afterwards, with
	// material that can be some. Empty for none.
	Remains []byte
	// Tokens have these texts; nil for one that is not there.
	Tokens map[int]json.RawMessage
}

// held is what the door reads under the lock, of either version.
type held struct {
	uuid     string
	keyslots map[int]Identity
	data     []byte   // the digest of the data's key
	opens    []opener // keyslots of a known type that hold the data's keys
	tokens   map[int]json.RawMessage
}

// opener is a keyslot as one that opens the data.
type opener struct {
	digest   []byte
	material luks2.Extent // bytes
}

// check returns a MeanwhileError or ErrAnotherVolume. after is the state that the operation would leave on dev.
func (e Expect) check(dev header.Device, now, after held) error {
	if e.UUID != "" && e.UUID != now.uuid {
		return ErrAnotherVolume
	}
	for _, k := range e.Keyslots {
		if !now.has(k) {
			return &MeanwhileError{k.ID, -1, nil}
		}
	}
	if e.Authority != nil && !now.has(*e.Authority) {
		return &MeanwhileError{e.Authority.ID, -1, ErrAuthority}
	}
	if len(e.VolumeKey) > 0 && !bytes.Equal(e.VolumeKey, now.data) {
		return &MeanwhileError{-1, -1, nil}
	}
	for id, text := range e.Tokens {
		if !bytes.Equal(text, now.tokens[id]) {
			return &MeanwhileError{-1, id, nil}
		}
	}
	if len(e.Remains) > 0 && !after.open(dev, e.Remains) {
		return &MeanwhileError{-1, -1, ErrLastKey}
	}
	return nil
}

// open tells whether a keyslot holds the key of that digest, and has not lost it: a removal that was cut off leaves
// one that is named and dead.
func (h held) open(dev header.Device, digest []byte) bool {
	return slices.ContainsFunc(h.opens, func(o opener) bool { return bytes.Equal(o.digest, digest) && o.lives(dev) })
}

// lives: the material can be read, and can be encrypted data.
func (o opener) lives(dev header.Device) bool {
	p := make([]byte, min(o.material.Size, luks2.MaxKeyslotsSize))
	return header.ReadFull(dev, p, o.material.Offset) == nil && keyslot.Damaged(p) < 0
}

func (h held) has(k Identity) bool {
	now, found := h.keyslots[k.ID]
	return found && now.Same(k)
}

// IdentityOf is that of a LUKS2 keyslot.
func IdentityOf(m *luks2.Metadata, k luks2.Keyslot) Identity {
	i := Identity{ID: k.ID, Area: luks2.Extent{Offset: k.Area.Offset, Size: k.Area.Size}, Salt: k.KDF.Salt}
	if d, found := m.DigestOfKeyslot(k.ID); found {
		i.Digest = d.Value
	}
	return i
}

// IdentityOf1 is that of a LUKS1 keyslot.
func IdentityOf1(h luks1.Header, id int) Identity {
	offset, length := h.Material(id)
	return Identity{
		id,
		luks2.Extent{Offset: uint64(offset), Size: uint64(length)},
		bytes.Clone(h.Keyslots[id].Salt[:]),
		bytes.Clone(h.Digest[:]),
	}
}

func heldBy(c luks2.Copy) held {
	m := c.Metadata
	h := held{
		uuid: c.Header.UUID, keyslots: map[int]Identity{}, tokens: map[int]json.RawMessage{},
	}
	if segment, found := m.DefaultSegment(); found {
		if d, found := m.DigestOfSegment(segment.ID); found {
			h.data = d.Value
		}
	}
	for _, k := range m.Keyslots() {
		h.keyslots[k.ID] = IdentityOf(m, k)
		if d, found := m.DigestOfKeyslot(k.ID); found && d.ServesData() && k.Type == luks2.TypeLUKS2 {
			size := min(k.Area.Size, uint64(k.KeySize)*uint64(k.AF.Stripes))
			h.opens = append(h.opens, opener{d.Value, luks2.Extent{Offset: k.Area.Offset, Size: size}})
		}
	}
	for _, t := range m.Tokens() {
		h.tokens[t.ID] = t.Raw
	}
	return h
}

func heldBy1(h1 luks1.Header) held {
	h := held{uuid: h1.UUID, keyslots: map[int]Identity{}, data: h1.Digest[:]}
	for _, id := range h1.EnabledKeyslots() {
		h.keyslots[id] = IdentityOf1(h1, id)
		h.opens = append(h.opens, opener{h1.Digest[:], h.keyslots[id].Area})
	}
	return h
}
