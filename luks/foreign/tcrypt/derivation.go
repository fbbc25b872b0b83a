// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/kdf"
)

// Derivation is a way to get a header key from a password. Which one a volume has, nothing tells.
type Derivation struct {
	Hash       string // of PBKDF2, as programs call it; "argon2id"
	VeraCrypt  bool   // else TrueCrypt's
	System     bool   // of encrypted systems
	iterations uint32 // without a PIM
	perPIM     uint32 // and with one: base and so many for each
	base       uint32
}

const argon2id = "argon2id"

// derivations are all, in the order in which they are tried: what takes milliseconds, then the likeliest, then what is
// rare or dear.
var derivations = []Derivation{
	{Hash: "sha512", iterations: 1000},
	{Hash: "whirlpool", iterations: 1000},
	{Hash: "ripemd160", iterations: 2000},
	{Hash: "ripemd160", iterations: 1000, System: true},
	{Hash: "sha1", iterations: 2000},
	{Hash: "sha512", VeraCrypt: true, iterations: 500_000, base: 15000, perPIM: 1000},
	{Hash: "sha256", VeraCrypt: true, iterations: 500_000, base: 15000, perPIM: 1000},
	{Hash: "blake2s-256", VeraCrypt: true, iterations: 500_000, base: 15000, perPIM: 1000},
	{Hash: "whirlpool", VeraCrypt: true, iterations: 500_000, base: 15000, perPIM: 1000},
	{Hash: "stribog512", VeraCrypt: true, iterations: 500_000, base: 15000, perPIM: 1000},
	{Hash: "sha256", VeraCrypt: true, System: true, iterations: 200_000, perPIM: 2048},
	{Hash: "blake2s-256", VeraCrypt: true, System: true, iterations: 200_000, perPIM: 2048},
	{Hash: "stribog512", VeraCrypt: true, System: true, iterations: 200_000, perPIM: 2048},
	{Hash: "ripemd160", VeraCrypt: true, iterations: 655_331, base: 15000, perPIM: 1000},
	{Hash: "ripemd160", VeraCrypt: true, System: true, iterations: 327_661, perPIM: 2048},
	{Hash: argon2id, VeraCrypt: true},
}

// String is "PBKDF2 with sha512" or "Argon2id".
func (d Derivation) String() string {
	if d.Hash == argon2id {
		return "Argon2id"
	}
	return "PBKDF2 with " + d.Hash
}

// Argon2 tells it from PBKDF2.
func (d Derivation) Argon2() bool { return d.Hash == argon2id }

// maxPIM is VeraCrypt's, of volumes that are no systems.
const maxPIM = 2_147_468

// CheckPIM fails with ErrPIM for one that VeraCrypt does not take.
func CheckPIM(pim uint32) error {
	if pim > maxPIM {
		return fmt.Errorf("%w: %d, at most %d", ErrPIM, pim, maxPIM)
	}
	return nil
}

// params are those of a derivation with a PIM, 0 for none.
func (d Derivation) params(pim uint32) kdf.Params {
	switch {
	case d.Argon2():
		return argon2Params(pim)
	case pim == 0:
		return kdf.Params{Type: kdf.PBKDF2, Hash: d.Hash, Iterations: d.iterations}
	}
	n := uint64(d.base) + uint64(d.perPIM)*uint64(pim)
	return kdf.Params{Type: kdf.PBKDF2, Hash: d.Hash, Iterations: uint32(min(n, 1<<32-1))}
}

// argon2Params: up to a PIM of 31 memory and passes grow, from there on only the passes.
func argon2Params(pim uint32) kdf.Params {
	p := kdf.Params{Type: kdf.Argon2id, CPUs: 1}
	switch {
	case pim == 0:
		pim = 12
		fallthrough
	case pim <= 31:
		p.Time, p.Memory = 3+(pim-1)/3, (64+32*(pim-1))<<10
	default:
		p.Time, p.Memory = pim-18, 1<<20
	}
	return p
}

// Trial says what is tried on a header.
type Trial struct {
	Hash          string // only derivations whose hash has this in its name
	Cipher        string // only chains with this in their name
	TrueCryptOnly bool
	PIM           uint32 // 0 for none; with one TrueCrypt's derivations are left out
	AnyCost       bool   // derive whatever it takes
	Workers       int    // 0 for one on each processor
}

// Memory is what a search takes at most, in bytes, small change left out.
func (t Trial) Memory() uint64 {
	if t.TrueCryptOnly || !strings.Contains(argon2id, t.Hash) {
		return 0
	}
	return argon2Params(t.PIM).MemoryBytes()
}

// derivations are those to be tried at a place, in order; at that of a system first what encrypts systems.
func (t Trial) derivations(p Place) (list []Derivation) {
	var later, last []Derivation
	for _, d := range derivations {
		switch {
		case !strings.Contains(d.Hash, t.Hash):
		case d.VeraCrypt && (t.TrueCryptOnly || p.Old), !d.VeraCrypt && t.PIM > 0:
		case d.Argon2():
			if !p.System {
				last = append(last, d)
			}
		case p.System != d.System && d.VeraCrypt:
			later = append(later, d)
		default:
			list = append(list, d)
		}
	}
	return append(append(list, later...), last...)
}
