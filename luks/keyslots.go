// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/af"
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
	Priority      luks2.Priority // LUKS2; only AddKey and Format use it
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
	s := keyslot.Spec{KeySize: keySize, Stripes: af.Stripes, AFHash: n.Hash, Cipher: n.Cipher, CipherKeySize: n.CipherKeySize, KDF: n.KDF}
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
// new keyslot's id. Errors: luks2.ErrTaken, luks2.ErrNoID, luks2.ErrNoRoom, those of the KDF and
// of writing.
func (v *Volume) AddKey(ctx context.Context, key *Key, passphrase []byte, n NewKeyslot) (int, error) {
	if err := v.CheckRequirements(); err != nil {
		return 0, err
	}
	s, err := v.seal(ctx, key.Bytes(), passphrase, n)
	if err != nil {
		return 0, err
	}
	if v.Version == 1 {
		return v.addKey1(ctx, s, n.ID)
	}
	return v.place2(ctx, s, n, func(m *luks2.Metadata, id int) error {
		return m.AssignDigest(key.Digest, id)
	})
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
	return v.place2(ctx, s, n, func(m *luks2.Metadata, id int) error {
		_, err := m.AddDigest(luks2.Digest{
			Type: "pbkdf2", Keyslots: []int{id}, Hash: d.Hash, Iterations: d.Iterations, Salt: d.Salt, Value: d.Sum,
		})
		return err
	})
}

// place2 finds id and area under the lock, writes the material, and only then the header that
// names it.
func (v *Volume) place2(ctx context.Context, s sealed, n NewKeyslot, link func(*luks2.Metadata, int) error) (int, error) {
	id := n.ID
	err := v.update2(ctx, func(now luks2.Copy) (change, error) {
		m := now.Metadata
		if id == AnyKeyslot {
			var err error
			if id, err = m.FreeKeyslotID(); err != nil {
				return change{}, err
			}
		}
		slot, err := describe(m, now.Header.Size, id, s)
		if err != nil {
			return change{}, err
		}
		slot.Priority = n.Priority
		if err := m.AddKeyslot(slot); err != nil {
			return change{}, err
		}
		if err := link(m, id); err != nil {
			return change{}, err
		}
		return change{next: now, before: []areaWrite{{areaName(id), slot.Area.Offset, s.material}}}, nil
	})
	return id, err
}

// describe gives the sealed keyslot a free area.
func describe(m *luks2.Metadata, hdrSize uint64, id int, s sealed) (luks2.Keyslot, error) {
	area, err := m.FindArea(hdrSize, luks2.AreaSize(uint32(s.spec.KeySize), uint32(s.spec.Stripes)))
	if err != nil {
		return luks2.Keyslot{}, err
	}
	return luks2.Keyslot{
		ID: id, Type: luks2.TypeLUKS2, KeySize: uint32(s.spec.KeySize), Priority: luks2.PriorityNormal,
		AF:   luks2.AF{Type: "luks1", Stripes: uint32(s.spec.Stripes), Hash: s.spec.AFHash},
		Area: luks2.Area{Type: "raw", Offset: area.Offset, Size: area.Size, Encryption: s.spec.Cipher, KeySize: uint32(s.spec.CipherKeySize)},
		KDF:  luks2.KDF(s.spec.KDF),
	}, nil
}

func areaName(id int) string { return fmt.Sprintf("area of keyslot %d", id) }

func (v *Volume) addKey1(ctx context.Context, s sealed, id int) (int, error) {
	err := v.update1(ctx, func(h luks1.Header) (luks1.Header, []areaWrite, error) {
		if id == AnyKeyslot {
			free, found := h.FreeKeyslot()
			if !found {
				return h, nil, luks2.ErrNoID
			}
			id = free
		}
		if id < 0 || id >= luks1.KeyslotCount {
			return h, nil, &KeyslotError{id, luks2.ErrNoID}
		}
		if h.Keyslots[id].Enabled() {
			return h, nil, &KeyslotError{id, luks2.ErrTaken}
		}
		offset, _ := h.Material(id)
		next := h.WithKeyslot(id, s.spec.KDF.Iterations, [luks1.SaltSize]byte(s.spec.KDF.Salt))
		return next, []areaWrite{{areaName(id), uint64(offset), s.material}}, nil
	})
	return id, err
}

// KillKeyslot wipes the keyslot's material, then removes it from the header. Whether it is the
// last one is the caller's question to ask: see BoundKeyslots.
func (v *Volume) KillKeyslot(ctx context.Context, id int) error {
	if _, err := v.Keyslot(id); err != nil {
		return err
	}
	if v.Version == 1 {
		return v.update1(ctx, func(h luks1.Header) (luks1.Header, []areaWrite, error) {
			if !h.Keyslots[id].Enabled() {
				return h, nil, &KeyslotError{id, ErrKeyslotInactive}
			}
			offset, length := h.Material(id)
			wipe, err := noise(areaName(id), uint64(offset), uint64(length))
			return h.WithoutKeyslot(id), []areaWrite{wipe}, err
		})
	}
	return v.update2(ctx, func(now luks2.Copy) (change, error) {
		slot, err := now.Metadata.Keyslot(id)
		if err != nil {
			return change{}, &KeyslotError{id, ErrKeyslotInactive}
		}
		wipe, err := noise(areaName(id), slot.Area.Offset, slot.Area.Size)
		if err != nil {
			return change{}, err
		}
		return change{next: now, before: []areaWrite{wipe}}, now.Metadata.RemoveKeyslot(id)
	})
}

// maxArea bounds what is taken for one keyslot's area, bytes.
const maxArea = luks2.MaxKeyslotsSize

// noise overwrites with random bytes, from which freed and used areas cannot be told apart.
func noise(what string, offset, size uint64) (areaWrite, error) {
	if size > maxArea {
		return areaWrite{}, geometry(what, "%d bytes", size)
	}
	p := make([]byte, size)
	_, err := rand.Read(p)
	return areaWrite{what, offset, p}, err
}

// SetUUID changes the volume's uuid, of either version.
func (v *Volume) SetUUID(ctx context.Context, uuid string) error {
	if v.Version == 2 {
		return v.relabel(ctx, func(h *luks2.Header) { h.UUID = uuid })
	}
	return v.update1(ctx, func(h luks1.Header) (luks1.Header, []areaWrite, error) {
		v.UUID = uuid
		return h.WithUUID(uuid), nil, nil
	})
}

// SetLabels changes label and subsystem of a LUKS2 volume.
func (v *Volume) SetLabels(ctx context.Context, label, subsystem string) error {
	if len(label) >= luks2.LabelSize || len(subsystem) >= luks2.LabelSize {
		return geometry("label", "at most %d bytes", luks2.LabelSize-1)
	}
	return v.relabel(ctx, func(h *luks2.Header) { h.Label, h.Subsystem = label, subsystem })
}

// SetPriority changes a keyslot's priority. LUKS2 only.
func (v *Volume) SetPriority(ctx context.Context, id int, p luks2.Priority) error {
	if v.Version != 2 {
		return fmt.Errorf("keyslot priorities in LUKS1: %w", ErrUnsupported)
	}
	return v.settings2(ctx, func(now luks2.Copy) (change, error) {
		return change{next: now}, now.Metadata.SetPriority(id, p)
	})
}

// SetFlags replaces the persistent activation flags. LUKS2 only.
func (v *Volume) SetFlags(ctx context.Context, flags []string) error {
	if v.Version != 2 {
		return fmt.Errorf("persistent flags in LUKS1: %w", ErrUnsupported)
	}
	return v.settings2(ctx, func(now luks2.Copy) (change, error) {
		now.Metadata.SetFlags(flags)
		return change{next: now}, nil
	})
}

// SetToken writes or, with nil text, removes a token; an id of AnyKeyslot takes the lowest free
// one. It returns the id. LUKS2 only.
func (v *Volume) SetToken(ctx context.Context, id int, text []byte) (int, error) {
	if v.Version != 2 {
		return 0, errors.Join(ErrUnsupported, errors.New("LUKS1 has no tokens"))
	}
	err := v.settings2(ctx, func(now luks2.Copy) (change, error) {
		m := now.Metadata
		if isFarToken(m, id) {
			return change{}, ErrFarToken
		}
		if text == nil {
			return change{next: now}, m.RemoveToken(id)
		}
		if id == AnyKeyslot {
			var err error
			if id, err = m.FreeTokenID(); err != nil {
				return change{}, err
			}
		}
		return change{next: now}, m.SetToken(id, text)
	})
	return id, err
}

// AssignToken adds a keyslot to a token's list; the rest of the token stays. LUKS2 only.
func (v *Volume) AssignToken(ctx context.Context, token, keyslot int) error {
	if v.Version != 2 {
		return errors.Join(ErrUnsupported, errors.New("LUKS1 has no tokens"))
	}
	return v.settings2(ctx, func(now luks2.Copy) (change, error) {
		if isFarToken(now.Metadata, token) {
			return change{}, ErrFarToken
		}
		return change{next: now}, now.Metadata.AssignToken(token, keyslot)
	})
}

// UnassignToken takes a keyslot out of a token's list; the rest of the token stays. LUKS2 only.
func (v *Volume) UnassignToken(ctx context.Context, token, keyslot int) error {
	if v.Version != 2 {
		return errors.Join(ErrUnsupported, errors.New("LUKS1 has no tokens"))
	}
	return v.settings2(ctx, func(now luks2.Copy) (change, error) {
		return change{next: now}, now.Metadata.UnassignToken(token, keyslot)
	})
}
