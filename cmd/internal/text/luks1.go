// SPDX-License-Identifier: Apache-2.0

package text

import (
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/luks1"
)

// LUKS1 renders what luksDump shows of a LUKS1 volume; device is its name as given.
func LUKS1(device string, h luks1.Header) string {
	var b strings.Builder
	put(&b, "LUKS header information for %s\n\nVersion:       \t1\n", device)
	put(&b, "Cipher name:   \t%s\nCipher mode:   \t%s\nHash spec:     \t%s\n", h.CipherName, h.CipherMode, h.HashSpec)
	put(&b, "Payload offset:\t%d\nMK bits:       \t%d\n", h.PayloadOffset, h.KeyBytes*8)
	put(&b, "MK digest:     \t%s\n", flatHex(h.Digest[:]))
	put(&b, "MK salt:       \t%s\n", hexLines(h.DigestSalt[:], "               \t"))
	put(&b, "MK iterations: \t%d\nUUID:          \t%s\n\n", h.DigestIterations, h.UUID)
	for i, slot := range h.Keyslots {
		writeKeyslot1(&b, i, slot)
	}
	return b.String()
}

func writeKeyslot1(b *strings.Builder, i int, slot luks1.Keyslot) {
	if slot.Flag != luks1.Enabled {
		put(b, "Key Slot %d: DISABLED\n", i)
		return
	}
	put(b, "Key Slot %d: ENABLED\n\tIterations:         \t%d\n", i, slot.Iterations)
	put(b, "\tSalt:               \t%s\n", hexLines(slot.Salt[:], "\t                      \t"))
	put(b, "\tKey material offset:\t%d\n\tAF stripes:            \t%d\n", slot.Offset, slot.Stripes)
}

// flatHex is a digest on one line.
func flatHex(p []byte) string {
	return fmt.Sprintf("% x ", p)
}
