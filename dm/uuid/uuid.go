// SPDX-License-Identifier: Apache-2.0

// Package uuid makes and writes UUIDs (RFC 9562) as the tools around disks do: lower case, with dashes in
// headers and without them in the device-mapper's names.
package uuid

import (
	"crypto/rand"
	"fmt"
	"io"
	"strings"
)

// New is a random UUID, version 4.
func New() string {
	text, _ := From(rand.Reader) // does not fail
	return text
}

// From makes a UUID of version 4 of 16 random bytes. The error is the reader's.
func From(random io.Reader) (string, error) {
	var b [16]byte
	if _, err := io.ReadFull(random, b[:]); err != nil {
		return "", err
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return Format(b), nil
}

// Format writes 16 bytes as text, 36 characters.
func Format(b [16]byte) string {
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// Bare is a UUID without dashes and in lower case: as the device-mapper has it, and to compare by.
func Bare(text string) string { return strings.ToLower(strings.ReplaceAll(text, "-", "")) }

// Dashed is the text of a bare UUID of 32 characters; anything else comes back as it is.
func Dashed(bare string) string {
	if len(bare) != 32 {
		return bare
	}
	return strings.Join([]string{bare[:8], bare[8:12], bare[12:16], bare[16:20], bare[20:]}, "-")
}

// Valid tells whether text is a UUID with its dashes, in lower case.
func Valid(text string) bool {
	if len(text) != 36 {
		return false
	}
	for i, r := range text {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (r == '-') || !dash && !strings.ContainsRune("0123456789abcdef", r) {
			return false
		}
	}
	return true
}
