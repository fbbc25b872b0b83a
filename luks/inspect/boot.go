// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Loader is what a boot loader could do with the volume.
type Loader struct {
	Name     string   `json:"name"`
	Keyslots []int    `json:"opens"`   // keyslots it could open
	Refuses  []string `json:"refuses"` // why not the others, or nothing at all
	Notes    []string `json:"notes,omitempty"`
}

// grub is one release of GRUB; both lack Argon2 and look at the same ciphers and hashes.
type grub struct {
	name     string
	detached bool // can take a header from elsewhere
	installs bool // grub-install makes an image that unlocks LUKS2
}

var grubs = []grub{
	{name: "GRUB 2.06"},
	{name: "GRUB 2.12", detached: true, installs: true},
}

// What GRUB's libgcrypt and cryptodisk offer.
var (
	grubHashes  = []string{"sha1", "sha224", "sha256", "sha384", "sha512", "ripemd160", "whirlpool"}
	grubCiphers = []string{"aes", "serpent", "twofish", "camellia", "cast5", "blowfish"}
	grubModes   = []string{"ecb", "cbc", "pcbc", "ctr", "xts", "lrw"}
	grubIVs     = []string{"", "null", "plain", "plain64", "benbi", "essiv"}
)

// BootReport says what each known boot loader would make of the volume.
func BootReport(r Report) []Loader {
	var list []Loader
	for _, g := range grubs {
		l := Loader{Name: g.name, Keyslots: []int{}, Refuses: []string{}}
		if why := g.refuses(r); len(why) > 0 {
			l.Refuses = why
		} else {
			l.keyslots(r)
		}
		if r.Version == 2 && !g.installs {
			l.Notes = append(l.Notes,
				"its grub-install makes no image that unlocks LUKS2; grub-mkimage with the module luks2 does")
		}
		list = append(list, l)
	}
	return list
}

// refuses lists what stops the loader before any keyslot.
func (g grub) refuses(r Report) (why []string) {
	if r.Grade() == Lost {
		return []string{"the volume does not open"}
	}
	// GRUB wants both magics and looks at no checksum.
	for _, c := range r.Copies {
		if c.State == "absent" || c.State == "unreadable" {
			why = append(why, fmt.Sprintf("the %s header is %s, and it wants to see both", c.Place, c.State))
		}
		if c.State == "damaged" && c.Place == "primary" {
			why = append(why, "the primary header is damaged, and it verifies no checksum")
		}
	}
	segments := 0
	for _, s := range r.Segments {
		if s.Backup {
			continue
		}
		segments++
		if w := grubCipher(s.Cipher); w != "" {
			why = append(why, fmt.Sprintf("segment %d: %s", s.ID, w))
		}
		if s.Integrity != "" {
			why = append(why, fmt.Sprintf("segment %d: authenticated encryption", s.ID))
		}
		if s.Type != "crypt" {
			why = append(why, fmt.Sprintf("segment %d: type %s", s.ID, s.Type))
		}
		if (r.apart || s.Offset == 0 || s.Offset >= r.DeviceSize) && !g.detached {
			why = append(why, "a detached header")
		}
	}
	if segments > 1 {
		why = append(why, "more than one data segment")
	}
	return why
}

func (l *Loader) keyslots(r Report) {
	for _, k := range r.Keyslots {
		if why := grubKeyslot(k); why != "" {
			l.Refuses = append(l.Refuses, fmt.Sprintf("keyslot %d: %s", k.ID, why))
		} else {
			l.Keyslots = append(l.Keyslots, k.ID)
		}
	}
}

func grubKeyslot(k Keyslot) string {
	switch {
	case !k.Bound:
		return "does not open the data"
	case k.hurt():
		return "key material is " + string(k.State)
	case k.prio == luks2.PriorityIgnore:
		return "priority ignore"
	case k.KDF != "pbkdf2":
		return k.KDF + ": it derives keys by pbkdf2 only"
	case !slices.Contains(grubHashes, strings.ToLower(k.hash)):
		return "hash " + k.hash
	case !slices.Contains(grubHashes, strings.ToLower(k.af)):
		return "hash " + k.af + " of the anti-forensic splitter"
	}
	return grubCipher(k.Cipher)
}

func grubCipher(text string) string {
	spec, err := sector.ParseSpec(text)
	if err != nil || spec.Algorithm != "" {
		return "cipher " + text
	}
	known := slices.Contains(grubCiphers, spec.Cipher) && slices.Contains(grubModes, spec.Mode) &&
		slices.Contains(grubIVs, spec.IV) &&
		(spec.IVHash == "" || slices.Contains(grubHashes, spec.IVHash))
	if !known {
		return "cipher " + text
	}
	return ""
}
