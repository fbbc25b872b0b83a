// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"crypto/rand"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/af"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/unlock"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// saltSize is the length of keyslot salts, bytes.
const saltSize = 32

// New says how a passphrase is to protect a key. The zero value is an ordinary keyslot, with costs that are measured
// when it is made.
type New struct {
	ID            unlock.Slot    // left open, the lowest free one
	KDF           kdf.Params     // costs, measured where the type is left out; the salt is made here
	Cipher        string         // LUKS2: of the keyslot area; empty for the default
	CipherKeySize int            // bytes, with Cipher
	Hash          string         // LUKS2: of the anti-forensic split and new digests; empty for sha256
	Priority      luks2.Priority // LUKS2; normal where it is left out; only a new keyslot has it from here
	// DigestIterations is the cost of the digest of an unbound key; 0 for the least.
	DigestIterations uint32
	// Aside lets ChangeKey overwrite a LUKS1 keyslot that no room is left beside. It gets a header backup with
	// what is overwritten, which holds key material, and returns once that is durable elsewhere; after an error
	// nothing is written. nil refuses such a change.
	Aside func(backup []byte) error
}

// The default of areas whose cipher cannot be that of the data.
const (
	defaultAreaCipher  = "aes-xts-plain64"
	defaultAreaKeySize = 64 // bytes
	defaultHash        = "sha256"
)

// Sealed is a keyslot that is ready to be placed.
type Sealed struct {
	spec     keyslot.Spec
	material []byte
}

// Seal derives and encrypts; it takes as long as the KDF does, so no lock is held. Of a volume that is yet to
// be made v has the version, LUKS1's header, and the cipher and key size of the data.
func Seal(ctx context.Context, v view.View, key, passphrase []byte, n New) (Sealed, error) {
	spec, err := newSpec(ctx, v, len(key), n)
	if err != nil {
		return Sealed{}, err
	}
	material, err := keyslot.Seal(ctx, spec, key, passphrase, rand.Reader)
	return Sealed{spec, material}, err
}

// SealOver is Seal for what is to take the place of keyslot id. Where a LUKS1 header has no free keyslot and the
// keyslot lies in both of its sectors, it keeps the iterations and those bytes of the salt that the first one has:
// one sector alone names the new material then. Without room for that it is sealed as was asked for.
func SealOver(ctx context.Context, dev header.Device, v view.View, key, passphrase []byte, n New, id int) (Sealed,
	error,
) {
	spec, err := newSpec(ctx, v, len(key), n)
	if err != nil {
		return Sealed{}, err
	}
	if split := luks1.SplitSalt(id); v.Version == 1 && split > 0 {
		_, free := v.LUKS1.FreeKeyslot()
		if _, found := room1(dev, v.LUKS1); !free && found {
			old := v.LUKS1.Keyslots[id]
			spec.KDF.Iterations = old.Iterations
			copy(spec.KDF.Salt, old.Salt[:split])
		}
	}
	material, err := keyslot.Seal(ctx, spec, key, passphrase, rand.Reader)
	return Sealed{spec, material}, err
}

func newSpec(ctx context.Context, v view.View, keySize int, n New) (_ keyslot.Spec, err error) {
	if n.KDF, err = n.measured(ctx, v, keySize); err != nil {
		return keyslot.Spec{}, err
	}
	salt := make([]byte, saltSize)
	if _, err := rand.Read(salt); err != nil {
		return keyslot.Spec{}, err
	}
	if v.Version == 1 {
		if n.KDF.Type != kdf.PBKDF2 {
			return keyslot.Spec{}, fmt.Errorf("%s in LUKS1: %w", n.KDF.Type, fault.ErrUnsupported)
		}
		return view.Spec1(v.LUKS1, n.KDF.Iterations, salt), nil
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

// Describe gives the sealed keyslot a free area: a luks2.RoomError where there is none.
func (s Sealed) Describe(m *luks2.Metadata, hdrSize uint64, id int) (luks2.Keyslot, error) {
	area, err := m.FindArea(hdrSize, s.areaSize())
	if err != nil {
		return luks2.Keyslot{}, err
	}
	return s.keyslot2(id, area), nil
}

// areaSize is how much room the material takes in LUKS2, bytes.
func (s Sealed) areaSize() uint64 {
	return luks2.AreaSize(uint32(s.spec.KeySize), uint32(s.spec.Stripes))
}

func (s Sealed) keyslot2(id int, area luks2.Extent) luks2.Keyslot {
	return luks2.Keyslot{
		ID: id, Type: luks2.TypeLUKS2, KeySize: uint32(s.spec.KeySize), Priority: luks2.PriorityNormal,
		AF: luks2.AF{Type: "luks1", Stripes: uint32(s.spec.Stripes), Hash: s.spec.AFHash},
		Area: luks2.Area{
			Type: "raw", Offset: area.Offset, Size: area.Size,
			Encryption: s.spec.Cipher, KeySize: uint32(s.spec.CipherKeySize),
		},
		KDF: luks2.KDF(s.spec.KDF),
	}
}

// Enable is a LUKS1 header that names the sealed keyslot under that id.
func (s Sealed) Enable(h luks1.Header, id int) luks1.Header {
	return h.WithKeyslot(id, s.spec.KDF.Iterations, [luks1.SaltSize]byte(s.spec.KDF.Salt))
}

// Material is what is written at that byte for the keyslot.
func (s Sealed) Material(id int, offset uint64) commit.Area {
	return commit.Area{What: areaName(id), Offset: offset, Bytes: s.material}
}

func areaName(id int) string { return fmt.Sprintf("area of keyslot %d", id) }
