// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"bytes"
	"crypto/sha256"
	"testing"
)

// patched exchanges text in the JSON of a LUKS2 header, and makes its checksum true again.
func patched(t *testing.T, head []byte, old, new string) []byte {
	t.Helper()
	text := bytes.TrimRight(head[4096:], "\x00")
	if !bytes.Contains(text, []byte(old)) {
		t.Fatalf("%q is not in %s", old, text)
	}
	changed := bytes.ReplaceAll(text, []byte(old), []byte(new))
	clear(head[4096:])
	copy(head[4096:], changed)
	clear(head[448:512])
	sum := sha256.Sum256(head)
	copy(head[448:], sum[:])
	return head
}
