// SPDX-License-Identifier: Apache-2.0

package convert

import (
	"strings"

	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// headerOf is the LUKS1 header that says what c says, the places of its keyslots left open.
func headerOf(c luks2.Copy) (luks1.Header, error) {
	m := c.Metadata
	segment, err := onlySegment(m)
	if err != nil {
		return luks1.Header{}, err
	}
	digest, err := onlyDigest(m, segment)
	if err != nil {
		return luks1.Header{}, err
	}
	if n := len(m.Tokens()); n > 0 {
		return luks1.Header{}, cannot(1, ErrCannotHold, "LUKS2 header contains %d token(s)", n)
	}
	h := luks1.Header{
		HashSpec: digest.Hash, PayloadOffset: uint32(segment.Offset / luks1.SectorSize), UUID: c.Header.UUID,
		DigestIterations: digest.Iterations,
	}
	h.CipherName, h.CipherMode, _ = strings.Cut(segment.Encryption, "-")
	copy(h.Digest[:], digest.Value)
	copy(h.DigestSalt[:], digest.Salt)
	for i := range h.Keyslots {
		h.Keyslots[i] = luks1.Keyslot{Flag: luks1.Disabled, Stripes: luks1.Stripes}
	}
	for _, slot := range m.Keyslots() {
		if h, err = withSlot(h, slot, segment); err != nil {
			return h, err
		}
	}
	if h.KeyBytes == 0 {
		return h, cannot(1, ErrCannotHold, "there are no active keyslots")
	}
	if unknown := m.UnknownMembers(); len(unknown) > 0 {
		return h, cannot(1, ErrCannotHold, "LUKS2 header contains what LUKS1 has no place for: %s",
			strings.Join(unknown, ", "))
	}
	return h, nil
}

func onlySegment(m *luks2.Metadata) (luks2.Segment, error) {
	segments := m.Segments()
	if len(segments) != 1 {
		return luks2.Segment{}, cannot(1, ErrCannotHold, "there are %d data segments", len(segments))
	}
	s := segments[0]
	switch {
	case s.Type != "crypt":
		return s, cannot(1, ErrCannotHold, "the data segment is of type %s", s.Type)
	case s.SectorSize != 512:
		return s, cannot(1, ErrCannotHold, "default segment encryption sector size is not 512 bytes")
	case s.Integrity != nil:
		return s, cannot(1, ErrCannotHold, "the data is authenticated (%s)", s.Integrity.Type)
	case !s.Dynamic:
		return s, cannot(1, ErrCannotHold, "the data has a fixed size of %d bytes", s.Size)
	case s.IVTweak != 0:
		return s, cannot(1, ErrCannotHold, "the IVs of the data begin at %d", s.IVTweak)
	case s.Offset/luks1.SectorSize > 1<<32-1:
		return s, cannot(1, ErrCannotHold, "the data begins at byte %d", s.Offset)
	}
	return s, nil
}

func onlyDigest(m *luks2.Metadata, s luks2.Segment) (luks2.Digest, error) {
	digests := m.Digests()
	d, found := m.DigestOfSegment(s.ID)
	if len(digests) != 1 || !found || d.Type != "pbkdf2" || len(d.Salt) != luks1.SaltSize ||
		len(d.Value) < luks1.DigestSize {
		return d, cannot(1, ErrCannotHold, "key slot digests are not LUKS1 compatible")
	}
	return d, nil
}

// withSlot enables a keyslot that LUKS1 can hold.
func withSlot(h luks1.Header, slot luks2.Keyslot, s luks2.Segment) (luks1.Header, error) {
	if slot.ID >= luks1.KeyslotCount {
		return h, cannot(1, ErrCannotHold, "slot %d (over maximum slots) is still active", slot.ID)
	}
	same := h.KeyBytes == 0 || slot.KeySize == h.KeyBytes
	length := luks2.AreaSize(slot.KeySize, luks1.Stripes)
	fits := slot.Type == luks2.TypeLUKS2 && slot.KDF.Type == "pbkdf2" && slot.KDF.Hash == h.HashSpec &&
		slot.AF.Hash == h.HashSpec &&
		slot.AF.Stripes == luks1.Stripes && len(slot.KDF.Salt) == luks1.SaltSize && slot.Area.Offset%areaUnit == 0 &&
		slot.Area.Encryption == s.Encryption && slot.Area.KeySize == slot.KeySize && slot.Area.Size >= length && same
	if !fits {
		return h, cannot(1, ErrCannotHold, "keyslot %d is not LUKS1 compatible", slot.ID)
	}
	h.KeyBytes = slot.KeySize
	return h.WithKeyslot(slot.ID, slot.KDF.Iterations, [luks1.SaltSize]byte(slot.KDF.Salt)), nil
}
