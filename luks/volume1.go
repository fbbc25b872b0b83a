// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func (v *Volume) setLUKS1(h luks1.Header) {
	v.Version, v.UUID, v.LUKS1 = 1, h.UUID, h
	v.Data = Data{
		Offset: uint64(h.PayloadOffset) * 512, Dynamic: true, Type: "crypt", Cipher: h.Encryption(),
		KeySize: int(h.KeyBytes), SectorSize: 512, DigestID: -1,
	}
	v.digest = &digest.Digest{Hash: h.HashSpec, Iterations: h.DigestIterations, Salt: h.DigestSalt[:], Sum: h.Digest[:]}
	for _, id := range h.EnabledKeyslots() {
		v.Keyslots = append(v.Keyslots, v.keyslot1(h, id))
	}
}

func (v *Volume) keyslot1(h luks1.Header, id int) Keyslot {
	offset, length := h.Material(id)
	slot := h.Keyslots[id]
	return Keyslot{
		ID: id, Type: "luks1", Priority: luks2.PriorityNormal, digest: v.digest,
		Area: luks2.Extent{Offset: uint64(offset), Size: uint64(length)}, identity: commit.IdentityOf1(h, id),
		Spec: spec1(h, slot.Iterations, slot.Salt[:]),
	}
}

func spec1(h luks1.Header, iterations uint32, salt []byte) keyslot.Spec {
	return keyslot.Spec{
		KeySize: int(h.KeyBytes), Stripes: luks1.Stripes, AFHash: h.HashSpec,
		Cipher: h.Encryption(), CipherKeySize: int(h.KeyBytes),
		KDF: kdf.Params{Type: kdf.PBKDF2, Hash: h.HashSpec, Iterations: iterations, Salt: salt},
	}
}

// update1 changes a LUKS1 header under the exclusive lock: derive gets the header as it is then.
func (v *Volume) update1(ctx context.Context, derive func(h luks1.Header) (commit.Change1, error)) error {
	return v.enter1(ctx, func(s *commit.Session1) error {
		c, err := derive(s.Now())
		if err != nil {
			return err
		}
		return s.Do(c)
	})
}

// enter1 is enter for LUKS1.
func (v *Volume) enter1(ctx context.Context, do func(*commit.Session1) error) error {
	return commit.Locked(ctx, v.dev, true, func() error {
		s, err := commit.Begin1(v.dev, v.UUID)
		if err != nil {
			return err
		}
		if err := do(s); err != nil {
			return err
		}
		return v.load()
	})
}
