// SPDX-License-Identifier: Apache-2.0

package text

import (
	"sort"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// LUKS2 renders what luksDump shows of a LUKS2 volume.
func LUKS2(h luks2.Header, m *luks2.Metadata) string {
	var b strings.Builder
	writeHeader2(&b, h, m)
	b.WriteString("\nData segments:\n")
	for _, s := range sorted(m.Segments(), func(s luks2.Segment) int { return s.ID }) {
		writeSegment(&b, s)
	}
	b.WriteString("Keyslots:\n")
	for _, k := range sorted(m.Keyslots(), func(k luks2.Keyslot) int { return k.ID }) {
		writeKeyslot2(&b, m, k)
	}
	b.WriteString("Tokens:\n")
	for _, t := range sorted(m.Tokens(), func(t luks2.Token) int { return t.ID }) {
		writeToken(&b, t)
	}
	b.WriteString("Digests:\n")
	for _, d := range sorted(m.Digests(), func(d luks2.Digest) int { return d.ID }) {
		writeDigest(&b, d)
	}
	return b.String()
}

// sorted orders entries by id: the order of the JSON text has no meaning to a reader.
func sorted[T any](list []T, id func(T) int) []T {
	sort.SliceStable(list, func(i, j int) bool { return id(list[i]) < id(list[j]) })
	return list
}

func writeHeader2(b *strings.Builder, h luks2.Header, m *luks2.Metadata) {
	put(b, "LUKS header information\nVersion:       \t2\nEpoch:         \t%d\n", h.SeqID)
	put(b, "Metadata area: \t%d [bytes]\nKeyslots area: \t%d [bytes]\n", h.Size, m.KeyslotsSize())
	put(b, "UUID:          \t%s\nLabel:         \t%s\nSubsystem:     \t%s\n",
		h.UUID, orElse(h.Label, "(no label)"), orElse(h.Subsystem, "(no subsystem)"))
	put(b, "Flags:       \t%s\n", orElse(spaced(m.Flags()), "(no flags)"))
	if requirements := m.Requirements(); len(requirements) > 0 {
		put(b, "Requirements:\t%s\n", spaced(requirements))
	}
}

func orElse(text, fallback string) string {
	if text == "" {
		return fallback
	}
	return text
}

// spaced puts a blank behind every word.
func spaced(words []string) string {
	var b strings.Builder
	for _, word := range words {
		b.WriteString(word + " ")
	}
	return b.String()
}

func writeSegment(b *strings.Builder, s luks2.Segment) {
	put(b, "  %d: %s\n\toffset: %d [bytes]\n", s.ID, s.Type, s.Offset)
	if s.Dynamic {
		b.WriteString("\tlength: (whole device)\n")
	} else {
		put(b, "\tlength: %d [bytes]\n", s.Size)
	}
	put(b, "\tcipher: %s\n", orElse(s.Encryption, "(no SW encryption)"))
	if s.SectorSize > 0 {
		put(b, "\tsector: %d [bytes]\n", s.SectorSize)
	}
	if s.Integrity != nil {
		put(b, "\tintegrity: %s\n", s.Integrity.Type)
		if s.Integrity.KeySize != 0 {
			put(b, "\tintegrity key size: %d [bits]\n", s.Integrity.KeySize*8)
		}
	}
	if len(s.Flags) > 0 {
		put(b, "\tflags : %s\n", strings.Join(s.Flags, ", "))
	}
	b.WriteByte('\n')
}

func writeToken(b *strings.Builder, t luks2.Token) {
	put(b, "  %d: %s\n", t.ID, t.Type)
	for _, line := range token.Show(t) {
		put(b, "\t%s\n", line)
	}
	for _, slot := range t.Keyslots {
		put(b, "\tKeyslot:    %d\n", slot)
	}
}

func writeDigest(b *strings.Builder, d luks2.Digest) {
	put(b, "  %d: %s\n", d.ID, d.Type)
	if d.Type != "pbkdf2" {
		return
	}
	put(b, "\tHash:       %s\n\tIterations: %d\n", d.Hash, d.Iterations)
	put(b, "\tSalt:       %s\n\tDigest:     %s\n", hexLines(d.Salt, indent2), hexLines(d.Value, indent2))
}
