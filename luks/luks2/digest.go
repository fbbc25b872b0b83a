// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Digest binds keyslots to segments: it verifies that a key recovered from one of the keyslots is
// the volume key of the segments.
type Digest struct {
	ID         int
	Type       string
	Keyslots   []int
	Segments   []int
	Hash       string
	Iterations uint32
	Salt       []byte
	Value      []byte
}

type digestJSON struct {
	Type       string   `json:"type"`
	Keyslots   []string `json:"keyslots"`
	Segments   []string `json:"segments"`
	Hash       string   `json:"hash"`
	Iterations uint32   `json:"iterations"`
	Salt       blob     `json:"salt"`
	Value      blob     `json:"digest"`
}

// Digests returns every digest in the order of the text.
func (m *Metadata) Digests() []Digest {
	var digests []Digest
	for _, id := range m.digests.ids() {
		var raw digestJSON
		if decode(m.digests.byID(id), &raw) != nil {
			continue
		}
		digests = append(digests, Digest{
			ID: id, Type: raw.Type, Keyslots: numbers(raw.Keyslots), Segments: numbers(raw.Segments),
			Hash: raw.Hash, Iterations: raw.Iterations, Salt: raw.Salt, Value: raw.Value,
		})
	}
	return digests
}

func numbers(names []string) []int {
	ids := make([]int, 0, len(names))
	for _, name := range names {
		if id, err := strconv.Atoi(name); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// SameKey tells whether both say the same of one volume key: with the same salt, which is random.
func (d Digest) SameKey(other Digest) bool {
	return d.Type == other.Type && d.Hash == other.Hash && d.Iterations == other.Iterations &&
		len(d.Value) > 0 && bytes.Equal(d.Salt, other.Salt) && bytes.Equal(d.Value, other.Value)
}

// DigestOfKeyslot returns the digest that lists the keyslot.
func (m *Metadata) DigestOfKeyslot(id int) (Digest, bool) {
	for _, d := range m.Digests() {
		if slices.Contains(d.Keyslots, id) {
			return d, true
		}
	}
	return Digest{}, false
}

// DigestOfSegment returns the digest that lists the segment.
func (m *Metadata) DigestOfSegment(id int) (Digest, bool) {
	for _, d := range m.Digests() {
		if slices.Contains(d.Segments, id) {
			return d, true
		}
	}
	return Digest{}, false
}

// ServesData tells whether the digest is of a key that some segment's data need: the regular ones' and, while a
// reencryption runs, those at both of its ends.
func (d Digest) ServesData() bool { return len(d.Segments) > 0 }

// AddDigest puts a digest of type "pbkdf2" at its id's lowest free number and returns that.
func (m *Metadata) AddDigest(d Digest) (int, error) {
	id, err := m.digests.freeID(MaxDigests)
	if err != nil {
		return 0, fmt.Errorf("digests: %w", err)
	}
	m.SetDigest(id, d)
	return id, nil
}

// SetDigest puts a digest of type "pbkdf2" at that id, in the place of one that is there.
func (m *Metadata) SetDigest(id int, d Digest) {
	o := &object{}
	o.set("type", quote(d.Type))
	o.set("keyslots", list(names(d.Keyslots)))
	o.set("segments", list(names(d.Segments)))
	o.set("hash", quote(d.Hash))
	o.set("iterations", number(uint64(d.Iterations)))
	o.set("salt", base64Text(d.Salt))
	o.set("digest", base64Text(d.Value))
	m.digests.set(strconv.Itoa(id), o.text())
}

func names(ids []int) []string {
	out := make([]string, len(ids))
	for i, id := range ids {
		out[i] = strconv.Itoa(id)
	}
	return out
}

func base64Text(p []byte) json.RawMessage { return quote(base64.StdEncoding.EncodeToString(p)) }

// AssignDigest links the keyslot to the digest; the list stays in ascending order, as cryptsetup
// writes it.
func (m *Metadata) AssignDigest(digest, keyslot int) error {
	name := strconv.Itoa(digest)
	if m.digests.get(name) == nil {
		return broken("digests."+name, "missing")
	}
	return m.digests.edit(name, func(o *object) error {
		linked, err := o.strings("keyslots")
		if err != nil {
			return err
		}
		ids := numbers(linked)
		if !slices.Contains(ids, keyslot) {
			ids = append(ids, keyslot)
			slices.Sort(ids)
		}
		o.set("keyslots", list(names(ids)))
		return nil
	})
}

// DropIdleDigests removes digests that serve neither keyslots nor segments, which no reader wants
// to see in a written header.
func (m *Metadata) DropIdleDigests() {
	for _, d := range m.Digests() {
		if len(d.Keyslots) == 0 && len(d.Segments) == 0 {
			m.digests.remove(strconv.Itoa(d.ID))
		}
	}
}

// blob is base64 as the reference reads it: white space counts nowhere.
type blob []byte

func (b *blob) UnmarshalText(text []byte) (err error) {
	*b, err = base64.StdEncoding.AppendDecode(nil, bytes.Join(bytes.Fields(text), nil))
	return err
}
