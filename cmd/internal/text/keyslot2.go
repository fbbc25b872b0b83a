// SPDX-License-Identifier: Apache-2.0

package text

import (
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const indent2 = "\t            " // of the second line of a salt in a LUKS2 dump

func writeKeyslot2(b *strings.Builder, m *luks2.Metadata, k luks2.Keyslot) {
	digest, hasDigest := m.DigestOfKeyslot(k.ID)
	unbound := " (unbound)"
	if hasDigest && servesData(m, digest) {
		unbound = ""
	}
	put(b, "  %d: %s%s\n\tKey:        %d bits\n\tPriority:   %s\n", k.ID, k.Type, unbound, k.KeySize*8,
		priority(k.Priority))
	switch k.Type {
	case luks2.TypeLUKS2:
		writeProtection(b, k)
	case luks2.TypeReencrypt:
		if r, found := m.Reencryption(); found && r.Keyslot == k.ID {
			writeReencryption(b, r)
		}
	default:
		return // what an area of unknown type means is unknown too
	}
	put(b, "\tArea offset:%d [bytes]\n\tArea length:%d [bytes]\n", k.Area.Offset, k.Area.Size)
	if hasDigest {
		put(b, "\tDigest ID:  %d\n", digest.ID)
	}
}

// servesData tells whether the digest belongs to a segment that holds data now: a backup segment says
// what was or will be.
func servesData(m *luks2.Metadata, d luks2.Digest) bool {
	for _, s := range m.Segments() {
		if !s.Backup() && slices.Contains(d.Segments, s.ID) {
			return true
		}
	}
	return false
}

func priority(p luks2.Priority) string {
	switch p {
	case luks2.PriorityIgnore:
		return "ignored"
	case luks2.PriorityNormal:
		return "normal"
	case luks2.PriorityPrefer:
		return "preferred"
	}
	return "invalid"
}

func writeProtection(b *strings.Builder, k luks2.Keyslot) {
	put(b, "\tCipher:     %s\n\tCipher key: %d bits\n\tPBKDF:      %s\n", k.Area.Encryption, k.Area.KeySize*8,
		k.KDF.Type)
	if k.KDF.Type == "pbkdf2" {
		put(b, "\tHash:       %s\n\tIterations: %d\n", k.KDF.Hash, k.KDF.Iterations)
	} else {
		put(b, "\tTime cost:  %d\n\tMemory:     %d\n\tThreads:    %d\n", k.KDF.Time, k.KDF.Memory, k.KDF.CPUs)
	}
	put(b, "\tSalt:       %s\n", hexLines(k.KDF.Salt, indent2))
	put(b, "\tAF stripes: %d\n\tAF hash:    %s\n", k.AF.Stripes, k.AF.Hash)
}

func writeReencryption(b *strings.Builder, r luks2.Reencryption) {
	put(b, "\tMode:       %s\n\tDirection:  %s\n\tResilience: %s\n", r.Mode, r.Direction, r.Area.Type)
	if strings.HasSuffix(r.Area.Type, "checksum") {
		put(b, "\tHash:       %s\n\tHash data:  %d [bytes]\n", r.Hash, r.UnitSize)
	}
	if strings.HasPrefix(r.Area.Type, "datashift") {
		put(b, "\tShift size: %d[bytes]\n", r.Shift)
	}
}
