// SPDX-License-Identifier: Apache-2.0

package view

import (
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Of1 is what a LUKS1 header says.
func Of1(h luks1.Header) View {
	v := View{
		Version: 1, UUID: h.UUID, LUKS1: h,
		Data: Data{
			Offset: uint64(h.PayloadOffset) * 512, Dynamic: true, Type: "crypt", Cipher: h.Encryption(),
			KeySize: int(h.KeyBytes), SectorSize: 512, DigestID: -1,
		},
		Digest: &digest.Digest{
			Hash: h.HashSpec, Iterations: h.DigestIterations, Salt: h.DigestSalt[:], Sum: h.Digest[:],
		},
	}
	for _, id := range h.EnabledKeyslots() {
		v.Keyslots = append(v.Keyslots, v.keyslot1(h, id))
	}
	return v
}

func (v View) keyslot1(h luks1.Header, id int) Keyslot {
	offset, length := h.Material(id)
	slot := h.Keyslots[id]
	return Keyslot{
		ID: id, Type: "luks1", Priority: luks2.PriorityNormal, Digest: v.Digest, Needed: true,
		Area: luks2.Extent{Offset: uint64(offset), Size: uint64(length)}, Identity: commit.IdentityOf1(h, id),
		Spec: Spec1(h, slot.Iterations, slot.Salt[:]),
	}
}

// Spec1 is how a keyslot of that header is opened which has those iterations and that salt.
func Spec1(h luks1.Header, iterations uint32, salt []byte) keyslot.Spec {
	return keyslot.Spec{
		KeySize: int(h.KeyBytes), Stripes: luks1.Stripes, AFHash: h.HashSpec,
		Cipher: h.Encryption(), CipherKeySize: int(h.KeyBytes),
		KDF: kdf.Params{Type: kdf.PBKDF2, Hash: h.HashSpec, Iterations: iterations, Salt: salt},
	}
}
