// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/unlock"
)

// Link says by which digest a new keyslot's key is known.
type Link func(m *luks2.Metadata, id int) error

// Bound: the key is the one of that digest.
func Bound(digest int) Link {
	return func(m *luks2.Metadata, id int) error { return m.AssignDigest(digest, id) }
}

// Unbound: the key is one of its own, and gets a digest of its own, which is computed now.
func Unbound(ctx context.Context, key []byte, s Sealed, iterations uint32) (Link, error) {
	d, err := digest.New(ctx, key, s.spec.AFHash, max(iterations, digest.MinIterations), 0, rand.Reader)
	if err != nil {
		return nil, err
	}
	return func(m *luks2.Metadata, id int) error {
		_, err := m.AddDigest(luks2.Digest{
			Type: "pbkdf2", Keyslots: []int{id}, Hash: d.Hash, Iterations: d.Iterations, Salt: d.Salt, Value: d.Sum,
		})
		return err
	}, nil
}

// Add finds id and area for a sealed keyslot: the material is written first, and only then the header that
// names it. Errors: luks2.ErrTaken, luks2.ErrNoID, luks2.ErrNoRoom.
func Add(now luks2.Copy, s Sealed, n New, link Link) (c commit.Change, id int, err error) {
	c.Next, id = now, n.ID.Or(unlock.AnyKeyslot)
	m := now.Metadata
	if n.ID.Open() {
		if id, err = m.FreeKeyslotID(); err != nil {
			return c, id, err
		}
	}
	slot, err := s.Describe(m, now.Header.Size, id)
	if err != nil {
		return c, id, err
	}
	slot.Priority = n.Priority
	c.Before = []commit.Area{s.Material(id, slot.Area.Offset)}
	return c, id, errors.Join(m.AddKeyslot(slot), link(m, id))
}

// Add1 is Add for LUKS1, whose keyslots have fixed places.
func Add1(h luks1.Header, s Sealed, at unlock.Slot) (c commit.Change1, id int, err error) {
	id = at.Or(unlock.AnyKeyslot)
	if at.Open() {
		free, found := h.FreeKeyslot()
		if !found {
			return c, id, luks2.ErrNoID
		}
		id = free
	}
	if id < 0 || id >= luks1.KeyslotCount {
		return c, id, fault.Keyslot(id, luks2.ErrNoID)
	}
	if h.Keyslots[id].Enabled() {
		return c, id, fault.Keyslot(id, luks2.ErrTaken)
	}
	offset, _ := h.Material(id)
	c.Next = s.Enable(h, id)
	c.Before = []commit.Area{s.Material(id, uint64(offset))}
	return c, id, nil
}
