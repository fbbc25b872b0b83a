// SPDX-License-Identifier: Apache-2.0

package luks1

import (
	"sort"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

const (
	headerSectors = ReservedSize / SectorSize
	// maxKeyBytes bounds the volume key; the longest of any kernel cipher is far below.
	maxKeyBytes = 512
)

// check is one rule; it returns the first field that breaks it, or nil. size is the length in
// bytes of the device that holds the header, 0 where it is unknown.
type check struct {
	name string
	test func(h Header, size int64) *FieldError
}

// checks holds the rules in the order in which they are tested: a later one may rely on those
// before it. The order, and that disabled keyslots count too, are the reference's.
func checks() []check {
	return []check{
		{"cipher is named", checkCipher},
		{"hash is known and long enough", checkHash},
		{"key length is sane", checkKeyBytes},
		{"digest can be computed", checkDigest},
		{"stripes are 4000", checkStripes},
		{"material lies behind the header", checkMaterialStart},
		{"material ends before the data", checkMaterialEnd},
		{"materials are apart", checkOverlap},
		{"device holds all material", checkDevice},
	}
}

// Validate returns the first rule that h breaks, as a *FieldError, or nil. size is the length in
// bytes of the device that holds the header; 0 leaves out the rule which needs it. A header that
// breaks a rule is not to be used; Glitches tells what could be mended.
//
// Not checked here: the uuid and the flags, whose damage stops nobody from opening the volume
// (Glitches names it), and the cost of the iterations, which is the opener's policy.
func (h Header) Validate(size int64) error {
	for _, c := range checks() {
		if err := c.test(h, size); err != nil {
			return err
		}
	}
	return nil
}

// Problems returns all rules that h breaks, in the order of Validate.
func (h Header) Problems(size int64) []*FieldError {
	var list []*FieldError
	for _, c := range checks() {
		if err := c.test(h, size); err != nil {
			list = append(list, err)
		}
	}
	return list
}

func checkCipher(h Header, _ int64) *FieldError {
	if !printable(h.CipherName) || h.CipherName == "" {
		return fieldError(ErrInvalid, "cipherName", "%.32q", h.CipherName)
	}
	if !printable(h.CipherMode) {
		return fieldError(ErrInvalid, "cipherMode", "%.32q", h.CipherMode)
	}
	return nil
}

func checkHash(h Header, _ int64) *FieldError {
	size, err := hashalg.Size(h.HashSpec)
	if err != nil {
		return fieldError(ErrHash, "hashSpec", "%.32q is unknown", h.HashSpec)
	}
	if size < DigestSize {
		return fieldError(ErrHash, "hashSpec", "%s gives %d of %d bytes", h.HashSpec, size, DigestSize)
	}
	return nil
}

func checkKeyBytes(h Header, _ int64) *FieldError {
	if h.KeyBytes < 1 || h.KeyBytes > maxKeyBytes {
		return fieldError(ErrInvalid, "keyBytes", "%d", h.KeyBytes)
	}
	return nil
}

func checkDigest(h Header, _ int64) *FieldError {
	if h.DigestIterations == 0 {
		return fieldError(ErrInvalid, "mkDigestIterations", "0")
	}
	return nil
}

func checkStripes(h Header, _ int64) *FieldError {
	for i, k := range h.Keyslots {
		if k.Stripes != Stripes {
			return slotError(ErrInvalid, i, "stripes", "%d, not %d", k.Stripes, Stripes)
		}
	}
	return nil
}

func checkMaterialStart(h Header, _ int64) *FieldError {
	for i, k := range h.Keyslots {
		if k.Offset < headerSectors {
			return slotError(ErrInvalid, i, "keyMaterialOffset", "sector %d lies within the header", k.Offset)
		}
	}
	return nil
}

func checkMaterialEnd(h Header, _ int64) *FieldError {
	if h.PayloadOffset == 0 {
		return nil
	}
	for i, k := range h.Keyslots {
		if end := int64(k.Offset) + h.MaterialSectors(); end > int64(h.PayloadOffset) {
			return slotError(ErrOverlap, i, "keyMaterialOffset", "ends at sector %d, data starts at %d", end,
				h.PayloadOffset)
		}
	}
	return nil
}

func checkOverlap(h Header, _ int64) *FieldError {
	order := h.byOffset()
	for n, i := range order[1:] {
		before := order[n]
		if end := int64(h.Keyslots[before].Offset) + h.MaterialSectors(); end > int64(h.Keyslots[i].Offset) {
			return slotError(ErrOverlap, i, "keyMaterialOffset", "sector %d, keyslot %d ends at %d",
				h.Keyslots[i].Offset, before, end)
		}
	}
	return nil
}

func checkDevice(h Header, size int64) *FieldError {
	order := h.byOffset()
	last := order[len(order)-1]
	if offset, length := h.Material(last); size > 0 && offset+length > size {
		return slotError(ErrTooSmall, last, "keyMaterialOffset", "ends at byte %d of %d", offset+length, size)
	}
	return nil
}

// byOffset lists the keyslots in the order of their key material.
func (h Header) byOffset() []int {
	order := make([]int, KeyslotCount)
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool {
		return h.Keyslots[order[i]].Offset < h.Keyslots[order[j]].Offset
	})
	return order
}

func printable(s string) bool {
	for _, c := range []byte(s) {
		if c <= ' ' || c > '~' {
			return false
		}
	}
	return true
}
