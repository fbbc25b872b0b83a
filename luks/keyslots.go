// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/af"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// saltSize is the length of keyslot salts, bytes.
const saltSize = 32

// NewKeyslot says how a passphrase is to protect a key.
type NewKeyslot struct {
	ID            int            // AnyKeyslot for the lowest free one
	KDF           kdf.Params     // costs; the salt is made here
	Cipher        string         // LUKS2: of the keyslot area; empty for the default
	CipherKeySize int            // bytes, with Cipher
	Hash          string         // LUKS2: of the anti-forensic split and new digests; empty for sha256
	Priority      luks2.Priority // LUKS2; normal where it is left out; only AddKey and Format use it
	// DigestIterations is the cost of the digest of an unbound key; 0 for the least.
	DigestIterations uint32
}

// The default of areas whose cipher cannot be that of the data.
const (
	defaultAreaCipher  = "aes-xts-plain64"
	defaultAreaKeySize = 64 // bytes
	defaultHash        = "sha256"
)

// sealed is a keyslot that is ready to be placed.
type sealed struct {
	spec     keyslot.Spec
	material []byte
}

// seal derives and encrypts; it takes as long as the KDF does, so no lock is held.
func (v *Volume) seal(ctx context.Context, key, passphrase []byte, n NewKeyslot) (sealed, error) {
	spec, err := v.newSpec(len(key), n)
	if err != nil {
		return sealed{}, err
	}
	material, err := keyslot.Seal(ctx, spec, key, passphrase, rand.Reader)
	return sealed{spec, material}, err
}

func (v *Volume) newSpec(keySize int, n NewKeyslot) (keyslot.Spec, error) {
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return keyslot.Spec{}, err
	}
	if v.Version == 1 {
		if n.KDF.Type != kdf.PBKDF2 {
			return keyslot.Spec{}, fmt.Errorf("%s in LUKS1: %w", n.KDF.Type, ErrUnsupported)
		}
		return spec1(v.LUKS1, n.KDF.Iterations, salt), nil
	}
	s := keyslot.Spec{
		KeySize: keySize, Stripes: af.Stripes, AFHash: n.Hash, Cipher: n.Cipher,
		CipherKeySize: n.CipherKeySize, KDF: n.KDF,
	}
	s.KDF.Salt = salt
	if s.AFHash == "" {
		s.AFHash = defaultHash
	}
	if s.Cipher == "" {
		s.Cipher, s.CipherKeySize = areaCipher(v.Data.Cipher, v.Data.KeySize)
	}
	return s, nil
}

// areaCipher is the data's cipher with the volume key's size where that works in user space.
func areaCipher(cipher string, keySize int) (string, int) {
	if keySize > 0 && keyslot.CheckCipher(cipher, keySize) == nil {
		return cipher, keySize
	}
	return defaultAreaCipher, defaultAreaKeySize
}

// AddKey protects key, which Unlock or VerifyKey gave, with one more passphrase and returns the
// new keyslot's id. Errors: luks2.ErrTaken, luks2.ErrNoID, luks2.ErrNoRoom, ErrMeanwhile where the passphrase
// that gave the key was revoked since, those of the KDF and of writing.
func (v *Volume) AddKey(ctx context.Context, key *Key, passphrase []byte, n NewKeyslot) (int, error) {
	if err := v.CheckRequirements(); err != nil {
		return 0, err
	}
	s, err := v.seal(ctx, key.Bytes(), passphrase, n)
	if err != nil {
		return 0, err
	}
	expect := v.allowedBy(key)
	if v.Version == 1 {
		return v.addKey1(ctx, expect, s, n.ID)
	}
	return v.place2(ctx, expect, s, n, func(m *luks2.Metadata, id int) error {
		return m.AssignDigest(key.Digest, id)
	})
}

// allowedBy is what an operation believes that a key allows: the keyslot which gave it still stands, or the
// data still have the digest that it satisfied.
func (v *Volume) allowedBy(key *Key) commit.Expect {
	switch {
	case key == nil:
		return commit.Expect{}
	case key.from != nil:
		return commit.Expect{Authority: key.from}
	}
	return commit.Expect{VolumeKey: v.KeyDigest()}
}

// AddUnboundKey stores a key of its own, which does not open the data. LUKS2 only.
func (v *Volume) AddUnboundKey(ctx context.Context, key, passphrase []byte, n NewKeyslot) (int, error) {
	if v.Version != 2 {
		return 0, fmt.Errorf("unbound keyslots in LUKS1: %w", ErrUnsupported)
	}
	if err := v.CheckRequirements(); err != nil {
		return 0, err
	}
	s, err := v.seal(ctx, key, passphrase, n)
	if err != nil {
		return 0, err
	}
	d, err := digest.New(ctx, key, s.spec.AFHash, max(n.DigestIterations, digest.MinIterations), 0, rand.Reader)
	if err != nil {
		return 0, err
	}
	return v.place2(ctx, commit.Expect{}, s, n, func(m *luks2.Metadata, id int) error {
		_, err := m.AddDigest(luks2.Digest{
			Type: "pbkdf2", Keyslots: []int{id}, Hash: d.Hash, Iterations: d.Iterations, Salt: d.Salt, Value: d.Sum,
		})
		return err
	})
}

// place2 finds id and area under the lock, writes the material, and only then the header that
// names it.
func (v *Volume) place2(ctx context.Context, expect commit.Expect, s sealed, n NewKeyslot,
	link func(*luks2.Metadata, int) error,
) (int, error) {
	id := n.ID
	err := v.update2(ctx, func(session *commit.Session) (c commit.Change, err error) {
		c = commit.Change{Expect: expect, Next: session.Now()}
		m := c.Next.Metadata
		if id == AnyKeyslot {
			if id, err = m.FreeKeyslotID(); err != nil {
				return c, err
			}
		}
		slot, err := describe(m, c.Next.Header.Size, id, s)
		if err != nil {
			return c, err
		}
		slot.Priority = n.Priority
		c.Before = []commit.Area{{What: areaName(id), Offset: slot.Area.Offset, Bytes: s.material}}
		return c, errors.Join(m.AddKeyslot(slot), link(m, id))
	})
	return id, err
}

// describe gives the sealed keyslot a free area.
func describe(m *luks2.Metadata, hdrSize uint64, id int, s sealed) (luks2.Keyslot, error) {
	area, err := m.FindArea(hdrSize, s.areaSize())
	if err != nil {
		return luks2.Keyslot{}, err
	}
	return s.keyslot2(id, area), nil
}

// areaSize is how much room the material takes in LUKS2, bytes.
func (s sealed) areaSize() uint64 {
	return luks2.AreaSize(uint32(s.spec.KeySize), uint32(s.spec.Stripes))
}

func (s sealed) keyslot2(id int, area luks2.Extent) luks2.Keyslot {
	return luks2.Keyslot{
		ID: id, Type: luks2.TypeLUKS2, KeySize: uint32(s.spec.KeySize), Priority: luks2.PriorityNormal,
		AF: luks2.AF{Type: "luks1", Stripes: uint32(s.spec.Stripes), Hash: s.spec.AFHash},
		Area: luks2.Area{
			Type: "raw", Offset: area.Offset, Size: area.Size, Encryption: s.spec.Cipher, KeySize: uint32(s.spec.CipherKeySize),
		},
		KDF: luks2.KDF(s.spec.KDF),
	}
}

func areaName(id int) string { return fmt.Sprintf("area of keyslot %d", id) }

func (v *Volume) addKey1(ctx context.Context, expect commit.Expect, s sealed, id int) (int, error) {
	err := v.update1(ctx, func(h luks1.Header) (c commit.Change1, err error) {
		if id == AnyKeyslot {
			free, found := h.FreeKeyslot()
			if !found {
				return c, luks2.ErrNoID
			}
			id = free
		}
		if id < 0 || id >= luks1.KeyslotCount {
			return c, &KeyslotError{id, luks2.ErrNoID}
		}
		if h.Keyslots[id].Enabled() {
			return c, &KeyslotError{id, luks2.ErrTaken}
		}
		offset, _ := h.Material(id)
		c = commit.Change1{Expect: expect, Next: h.WithKeyslot(id, s.spec.KDF.Iterations,
			[luks1.SaltSize]byte(s.spec.KDF.Salt))}
		c.Before = []commit.Area{{What: areaName(id), Offset: uint64(offset), Bytes: s.material}}
		return c, nil
	})
	return id, err
}

// KillKeyslot wipes the material of a keyslot that this volume shows, then removes it from the header. by is the
// key whose passphrase allowed that; nil for none. The last keyslot that opens the data goes only where
// it was the last when the volume was loaded, so that the caller could ask: see BoundKeyslots. Errors:
// ErrKeyslotInactive, ErrMeanwhile where the keyslot is another one by now, with ErrLastKey where the others
// went, with ErrAuthority where the passphrase did.
func (v *Volume) KillKeyslot(ctx context.Context, id int, by *Key) error {
	slot, err := v.Keyslot(id)
	if err != nil {
		return err
	}
	expect := v.allowedBy(by)
	expect.Keyslots = []commit.Identity{slot.identity}
	expect.Remains = slot.opensData() && v.BoundKeyslots() > 1
	if v.Version == 1 {
		return v.update1(ctx, func(h luks1.Header) (commit.Change1, error) {
			offset, length := h.Material(id)
			wipe, err := noise(areaName(id), uint64(offset), uint64(length))
			return commit.Change1{Expect: expect, Next: h.WithoutKeyslot(id), Before: []commit.Area{wipe}}, err
		})
	}
	return v.update2(ctx, func(s *commit.Session) (c commit.Change, err error) {
		c = commit.Change{Expect: expect, Next: s.Now()}
		if !s.Holds(slot.identity) {
			return c, &commit.MeanwhileError{Keyslot: id, Token: -1}
		}
		wipe, err := noise(areaName(id), slot.Area.Offset, slot.Area.Size)
		c.Before = []commit.Area{wipe}
		return c, errors.Join(err, c.Next.Metadata.RemoveKeyslot(id))
	})
}

// opensData tells whether the keyslot holds the key of the data.
func (k Keyslot) opensData() bool { return k.Openable() && !k.Unbound }

// noise overwrites with random bytes, from which freed and used areas cannot be told apart.
func noise(what string, offset, size uint64) (commit.Area, error) {
	if size > luks2.MaxKeyslotsSize {
		return commit.Area{}, geometry(what, "%d bytes", size)
	}
	p := make([]byte, size)
	_, err := rand.Read(p)
	return commit.Area{What: what, Offset: offset, Bytes: p}, err
}
