// SPDX-License-Identifier: Apache-2.0

package identity

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"sort"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// Mark is what one reading of a header says of who the volume is and how far it has come.
type Mark struct {
	UUID      string   `json:"uuid"`
	Version   int      `json:"version"`
	SeqID     uint64   `json:"seqid"`     // 0 for LUKS1
	Sum       []byte   `json:"sum"`       // SHA-256 of what the header says; salts and checksums of copies do not count
	Keys      [][]byte `json:"keys"`      // SHA-256 of each digest of a volume key, in both versions' form, ascending
	Reencrypt bool     `json:"reencrypt"` // a reencryption was under way
}

// Of is the mark of a volume as it was read.
func Of(v view.View) Mark {
	if v.Version == 1 {
		return Of1(v.LUKS1)
	}
	return Of2(v.Choice.Copy)
}

// Of2 is the mark of a LUKS2 header, by one valid copy of it.
func Of2(c luks2.Copy) Mark {
	m := Mark{UUID: c.Header.UUID, Version: 2, SeqID: c.Header.SeqID, Reencrypt: Reencrypts(c.Metadata)}
	hash := sha256.New()
	fmt.Fprintf(hash, "%q %q %q %d %d\n", c.Header.UUID, c.Header.Label, c.Header.Subsystem, c.Header.SeqID,
		c.Header.Size)
	hash.Write(c.Metadata.Text())
	m.Sum = hash.Sum(nil)
	for _, d := range c.Metadata.Digests() {
		if d.ServesData() {
			m.Keys = append(m.Keys, keySums(d)...)
		}
	}
	sort.Slice(m.Keys, func(i, j int) bool { return bytes.Compare(m.Keys[i], m.Keys[j]) < 0 })
	return m
}

// keySums are those of a digest as it is and, where it is longer, as it would be in LUKS1, which has its first 20
// bytes only: PBKDF2 gives the same ones whatever the length. So a volume stays the same over a conversion.
func keySums(d luks2.Digest) [][]byte {
	sums := [][]byte{keySum(d.Hash, d.Iterations, d.Salt, d.Value)}
	if len(d.Value) > luks1.DigestSize {
		sums = append(sums, keySum(d.Hash, d.Iterations, d.Salt, d.Value[:luks1.DigestSize]))
	}
	return sums
}

// Of1 is the mark of a LUKS1 header.
func Of1(h luks1.Header) Mark {
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v", h))
	key := keySum(h.HashSpec, h.DigestIterations, h.DigestSalt[:], h.Digest[:])
	return Mark{UUID: h.UUID, Version: 1, Sum: sum[:], Keys: [][]byte{key}}
}

func keySum(hash string, iterations uint32, salt, value []byte) []byte {
	p := append([]byte(hash), 0)
	p = binary.BigEndian.AppendUint32(p, iterations)
	p = append(append(p, salt...), 0)
	sum := sha256.Sum256(append(p, value...))
	return sum[:]
}

// Reencrypts tells whether the metadata announces a reencryption, of whatever version: then the two heads
// may differ on purpose, and only who understands the hot zone may write them.
func Reencrypts(m *luks2.Metadata) bool {
	for _, r := range m.Requirements() {
		if strings.Contains(r, "reencrypt") {
			return true
		}
	}
	return slices.ContainsFunc(m.Keyslots(), func(k luks2.Keyslot) bool { return k.Type == luks2.TypeReencrypt })
}

// sameState: the same header, at the same point of its way.
func sameState(a, b Mark) bool {
	return a.Version == b.Version && a.SeqID == b.SeqID && bytes.Equal(a.Sum, b.Sum)
}

// SameState tells whether two marks are of the same state of the same volume.
func SameState(a, b Mark) bool { return a.UUID == b.UUID && sameState(a, b) }

// Follows tells whether m can be what became of a state that was seen, whatever UUID it had then: it is the same, or a
// later one of the same volume key. States of LUKS1 have no order.
func (m Mark) Follows(seen Mark) bool {
	later := m.Version == 1 || header.Newer(m.SeqID, seen.SeqID)
	return SameState(seen, m) || SameVolume(seen, m) && later
}

// SameVolume tells whether two marks share a volume key.
func SameVolume(a, b Mark) bool {
	for _, k := range a.Keys {
		if slices.ContainsFunc(b.Keys, func(o []byte) bool { return bytes.Equal(k, o) }) {
			return true
		}
	}
	return false
}
