// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/keys"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/luks/view"
)

func (o Options) plan1(ctx context.Context, size int64, key, passphrase []byte) (f commit.Format, err error) {
	if _, err := o.check1(uint64(size)); err != nil {
		return f, err
	}
	parts, err := o.layout1(len(key))
	if err != nil {
		return f, err
	}
	h, err := newHeader1(ctx, key, o)
	if err != nil {
		return f, err
	}
	h = parts.Apply(h)
	s, err := keys.Seal(ctx, view.View{Version: 1, LUKS1: h}, key, passphrase, o.Keyslot)
	if err != nil {
		return f, err
	}
	id := o.FirstKeyslot()
	h = s.Enable(h, id)
	if err := h.Validate(size); err != nil {
		return f, err
	}
	offset, _ := h.Material(id)
	return commit.Format{
		Zero:    append(o.Wipe, luks2.Extent{Size: headerRoom1(h, uint64(size))}),
		Noise:   h.MaterialRoom(),
		Areas:   []commit.Area{s.Material(id, uint64(offset))},
		Header1: &h,
	}, nil
}

func checkLUKS1(o Options, keySize int) error {
	switch {
	case o.SectorSize != 512:
		return fmt.Errorf("sectors of %d bytes in LUKS1: %w", o.SectorSize, fault.ErrUnsupported)
	case o.Label != "" || o.Subsystem != "":
		return fmt.Errorf("label and subsystem in LUKS1: %w", fault.ErrUnsupported)
	case uint(o.FirstKeyslot()) >= luks1.KeyslotCount:
		return fault.Keyslot(o.FirstKeyslot(), luks2.ErrNoID)
	case o.DataOffset/512 > 1<<32-1:
		return fault.Geometry("data offset", "%d bytes is too far for LUKS1", o.DataOffset)
	}
	return o.checkCipher(keySize)
}

func newHeader1(ctx context.Context, key []byte, o Options) (luks1.Header, error) {
	spec, err := sector.ParseSpec(o.Cipher)
	if err != nil {
		return luks1.Header{}, err
	}
	d, err := digest.New(ctx, key, o.Hash, max(o.DigestIterations, digest.MinIterations), digest.LUKS1Size, rand.Reader)
	if err != nil {
		return luks1.Header{}, err
	}
	name, mode := splitCipher(spec.String())
	return luks1.Header{
		CipherName: name, CipherMode: mode, HashSpec: strings.ToLower(o.Hash), KeyBytes: uint32(len(key)),
		Digest: [luks1.DigestSize]byte(d.Sum), DigestSalt: [luks1.SaltSize]byte(d.Salt),
		DigestIterations: d.Iterations, UUID: o.UUID,
	}, nil
}

// splitCipher cuts "aes-xts-plain64" into LUKS1's two fields.
func splitCipher(spec string) (name, mode string) {
	for i := range spec {
		if spec[i] == '-' {
			return spec[:i], spec[i+1:]
		}
	}
	return spec, ""
}

// headerRoom1 is what an earlier header of either version can have used, bytes.
func headerRoom1(h luks1.Header, size uint64) uint64 {
	end := h.MaterialRoom().End()
	return min(max(end, uint64(h.PayloadOffset)*512), maxHeaderWipe, size)
}
