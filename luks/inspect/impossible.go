// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// judgePossible finds what the format's rules let through and no kernel maps.
func (r *Report) judgePossible() {
	for _, s := range r.Segments {
		if s.Backup {
			continue
		}
		if end := s.recordedExtent().End(); end > math.MaxInt64 {
			r.misfit(Lost, fmt.Sprintf("segment %d: %d bytes at byte %d lie on no device", s.ID, s.recorded, s.Offset))
		}
		if s.Cipher == "" {
			continue // of a type that encrypts nothing
		}
		if !slices.Contains([]uint32{512, 1024, 2048, 4096}, s.SectorSize) {
			r.misfit(Lost, fmt.Sprintf("segment %d: no kernel maps sectors of %d bytes", s.ID, s.SectorSize))
		}
		if grade, why := judgeCipher(s.Cipher); why != "" {
			r.misfit(grade, fmt.Sprintf("segment %d: %s", s.ID, why))
		}
	}
}

// judgeCipher: a name that no Linux has may be one of a kernel to come, so that it proves no loss.
func judgeCipher(text string) (Grade, string) {
	if strings.HasPrefix(text, "capi:") {
		return Note, ""
	}
	s, err := sector.ParseSpec(text)
	if err != nil {
		return Lost, err.Error()
	}
	name, _, _ := strings.Cut(s.Cipher, ":")
	if !slices.Contains(linuxCiphers, name) {
		return Healable, fmt.Sprintf("cipher %q is none that Linux is known to have", text)
	}
	return Note, ""
}

// linuxCiphers are the names of ciphers in kernels up to 6.18 (crypto/, drivers/crypto and arch/*/crypto).
var linuxCiphers = []string{
	"aes", "anubis", "aria", "arc4", "blowfish", "camellia", "cast5", "cast6", "cipher_null", "des", "des3_ede",
	"fcrypt", "khazad", "paes", "seed", "serpent", "sm4", "tea", "tnepres", "twofish", "xchacha12", "xchacha20",
	"xeta", "xtea",
}

func (s Segment) recordedExtent() extent.Extent {
	if s.Dynamic {
		return extent.Extent{Offset: s.Offset}
	}
	return extent.Extent{Offset: s.Offset, Size: s.recorded}
}
