// SPDX-License-Identifier: Apache-2.0

package luks1

import (
	"fmt"
	"strings"
)

// Cause says how a header is known to come by a glitch.
type Cause int

// The causes, after what the reference repairs.
const (
	ECBWithIV      Cause = iota // early versions wrote "ecb-plain" and the like; dm-crypt wants "ecb"
	UpperCaseHash               // a tool wrote the hash as typed
	UnknownFlag                 // neither enabled nor disabled
	ForeignStripes              // a disabled keyslot with another number than 4000
	ForeignOffset               // a disabled keyslot whose material is not where the layout has it
	PartitionTable              // a boot signature (55 AA) at bytes 510 and 511, in the salt of disabled keyslot 6
)

// String names the cause.
func (c Cause) String() string {
	names := [...]string{
		"ECB mode with an initialisation vector", "hash in upper case", "unknown keyslot flag",
		"wrong number of stripes", "wrong place of key material", "partition table signature",
	}
	if c < 0 || int(c) >= len(names) {
		return fmt.Sprintf("cause %d", int(c))
	}
	return names[c]
}

// Glitch is a deviation that can be mended without a passphrase and without touching an enabled
// keyslot. Was and Becomes are the field's text before and after.
type Glitch struct {
	Cause        Cause
	Field        string
	Keyslot      int // or NoKeyslot
	Was, Becomes string
	mend         func(*Header)
}

// Mend returns h without the glitch.
func (g Glitch) Mend(h Header) Header {
	g.mend(&h)
	return h
}

// Glitches lists what is known to go wrong with LUKS1 headers and can be mended. Places of key
// material are judged only if the header has a usual key length (16, 32 or 64 bytes) and
// every enabled keyslot lies where NewLayout has it. Whoever mends applies all, validates, and
// writes by Changes.
func (h Header) Glitches() []Glitch {
	list := h.textGlitches()
	layout, known := h.usualLayout()
	for i, k := range h.Keyslots {
		if k.Enabled() {
			continue
		}
		if k.Flag != Disabled {
			list = append(list, flagGlitch(i, k))
		}
		if k.Stripes != Stripes {
			list = append(list, slotGlitch(ForeignStripes, i, "stripes", k.Stripes, uint32(Stripes),
				func(k *Keyslot) { k.Stripes = Stripes }))
		}
		if want := layout.Material[i]; known && k.Offset != want {
			list = append(list, slotGlitch(ForeignOffset, i, "keyMaterialOffset", k.Offset, want,
				func(k *Keyslot) { k.Offset = want }))
		}
	}
	return append(list, h.partitionGlitch()...)
}

func (h Header) textGlitches() []Glitch {
	var list []Glitch
	if strings.HasPrefix(h.CipherMode, "ecb-") {
		list = append(list, Glitch{
			ECBWithIV, "cipherMode", NoKeyslot, h.CipherMode, "ecb",
			func(h *Header) { h.CipherMode = "ecb" },
		})
	}
	if lower := strings.ToLower(h.HashSpec); lower != h.HashSpec {
		list = append(list, Glitch{
			UpperCaseHash, "hashSpec", NoKeyslot, h.HashSpec, lower,
			func(h *Header) { h.HashSpec = lower },
		})
	}
	return list
}

// flagGlitch mends an unknown flag.
func flagGlitch(i int, k Keyslot) Glitch {
	flag := Disabled
	if looksEnabled(k) {
		flag = Enabled
	}
	return slotGlitch(UnknownFlag, i, "active", uint32(k.Flag), uint32(flag), func(k *Keyslot) { k.Flag = flag })
}

// looksEnabled tells whether an unknown flag stood for an enabled keyslot: disabling clears salt
// and iterations. To restore the flag loses nothing even if that guess is wrong.
func looksEnabled(k Keyslot) bool {
	return k.Flag != Disabled && k.Iterations != 0 && k.Salt != [SaltSize]byte{} && k.Stripes == Stripes
}

func (h Header) partitionGlitch() []Glitch {
	const at = 510 - (offKeyslots + straddling*slotSize + slotSalt)
	k := h.Keyslots[straddling]
	if k.Enabled() || looksEnabled(k) || k.Salt[at] != 0x55 || k.Salt[at+1] != 0xAA {
		return nil
	}
	g := slotGlitch(PartitionTable, straddling, "salt", 0, 0,
		func(k *Keyslot) { k.Salt, k.Iterations = [SaltSize]byte{}, 0 })
	g.Was, g.Becomes = fmt.Sprintf("%x", k.Salt), fmt.Sprintf("%x", [SaltSize]byte{})
	return []Glitch{g}
}

func slotGlitch(cause Cause, i int, field string, was, becomes uint32, mend func(*Keyslot)) Glitch {
	show := "%d"
	if cause == UnknownFlag {
		show = "0x%08x"
	}
	return Glitch{
		cause, field, i, fmt.Sprintf(show, was), fmt.Sprintf(show, becomes),
		func(h *Header) { mend(&h.Keyslots[i]) },
	}
}

// usualLayout returns the layout of NewLayout where the header seems to follow it.
func (h Header) usualLayout() (Layout, bool) {
	switch h.KeyBytes {
	case 16, 32, 64:
	default:
		return Layout{}, false
	}
	l, err := NewLayout(h.KeyBytes, Placement{Detached: true})
	if err != nil {
		return Layout{}, false
	}
	for i, k := range h.Keyslots {
		if k.Enabled() && k.Offset != l.Material[i] {
			return Layout{}, false
		}
	}
	return l, true
}
