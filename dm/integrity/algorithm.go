// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"crypto/hmac"
	"encoding/binary"
	"hash"
	"hash/crc32"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/kernelhash"
)

// KernelName turns what a user writes into the name of the kernel's crypto API: "hmac-sha256" becomes "hmac(sha256)",
// "sha3-256" and "crc32c" stay.
func KernelName(name string) (string, error) {
	if name == "" || strings.ContainsAny(name, "() \t\n:,") {
		return "", &FieldError{"integrity", name, "it is no name of an algorithm"}
	}
	outer, inner, found := strings.Cut(name, "-")
	if !found || inner == "" || inner[0] >= '0' && inner[0] <= '9' {
		return name, nil
	}
	return outer + "(" + inner + ")", nil
}

// Keyed tells whether an algorithm, by its kernel name, is one with a key.
func Keyed(kernel string) bool {
	outer, _, found := strings.Cut(kernel, "(")
	return found && (outer == "hmac" || outer == "phmac" || outer == "cmac")
}

// newHash makes states of an algorithm by its kernel name; nil for one that is not known.
func newHash(kernel string, key []byte) func() hash.Hash {
	switch kernel {
	case "crc32c":
		return func() hash.Hash { return swapped{crc32.New(crc32.MakeTable(crc32.Castagnoli))} }
	case "crc32":
		return func() hash.Hash { return &rawCRC{table: crc32.IEEETable} }
	case "xxhash64":
		return func() hash.Hash { return newXXHash() }
	}
	if inner, found := strings.CutPrefix(kernel, "hmac("); found {
		base := kernelhash.New(strings.TrimSuffix(inner, ")"))
		if base == nil || !strings.HasSuffix(inner, ")") {
			return nil
		}
		return func() hash.Hash { return hmac.New(base, key) }
	}
	return kernelhash.New(kernel)
}

// DigestSize is the length of what an algorithm yields, bytes; 0 for one that this package cannot compute.
func DigestSize(kernel string) int {
	if factory := newHash(kernel, nil); factory != nil {
		return factory().Size()
	}
	return 0
}

// swapped stores the checksum with its lowest byte first.
type swapped struct{ hash.Hash32 }

func (s swapped) Sum(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, s.Sum32()) }

// rawCRC is the kernel's crc32: it starts with 0 and inverts nothing.
type rawCRC struct {
	table *crc32.Table
	value uint32
}

func (c *rawCRC) Write(p []byte) (int, error) {
	c.value = ^crc32.Update(^c.value, c.table, p)
	return len(p), nil
}
func (c *rawCRC) Sum(b []byte) []byte { return binary.LittleEndian.AppendUint32(b, c.value) }
func (c *rawCRC) Reset()              { c.value = 0 }
func (*rawCRC) Size() int             { return 4 }
func (*rawCRC) BlockSize() int        { return 1 }
