// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// luks1Room is what is read of a LUKS1 header: its two sectors, bytes.
const luks1Room = 1024

func readLUKS1(dev Device) (luks1.Header, error) {
	raw, err := readLUKS1Sectors(dev)
	if err != nil {
		return luks1.Header{}, err
	}
	h, err := luks1.Decode(raw)
	if err != nil {
		return h, err
	}
	return h, h.Validate(dev.Size())
}

// readLUKS1Sectors: an unreadable or too short device has no LUKS1 magic; LUKS2 may still be found
// by its secondary, and reports the read error otherwise.
func readLUKS1Sectors(dev Device) ([]byte, error) {
	raw := make([]byte, luks1Room)
	if n, err := dev.ReadAt(raw, 0); n < len(raw) {
		return nil, fmt.Errorf("%w: %w", luks1.ErrMagic, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return raw, nil
}

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
		Area: luks2.Extent{Offset: uint64(offset), Size: uint64(length)},
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

// update1 changes a LUKS1 header under the exclusive lock: change gets the header as it is now and
// returns it as it is to be, with the material to be durable before the first write of the header.
func (v *Volume) update1(ctx context.Context, change func(h luks1.Header) (luks1.Header, []areaWrite, error)) error {
	return locked(ctx, v.dev, true, func() error {
		h, err := readLUKS1(v.dev)
		if err != nil {
			return err
		}
		if h.UUID != v.UUID {
			return ErrAnotherVolume
		}
		next, areas, err := change(h)
		if err != nil {
			return err
		}
		return errors.Join(v.take(step1{before: areas, next: next}), v.load())
	})
}

// writeSectors makes each sector durable before the next one.
func writeSectors(dev Device, writes []luks1.Write) error {
	for _, w := range writes {
		if err := commit.Commit(dev, "LUKS1 header", uint64(w.Offset), w.Data); err != nil {
			return err
		}
	}
	return nil
}
