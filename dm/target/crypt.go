// SPDX-License-Identifier: Apache-2.0

package target

import (
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Crypt is a line of dm-crypt (kernel: admin-guide/device-mapper/dm-crypt.rst).
type Crypt struct {
	Start, Length    uint64 // 512-byte sectors
	Cipher           string // "aes-xts-plain64", or the kernel's own form "capi:…"
	Key              Key
	IVOffset         uint64 // added to the sector number for the IV, 512-byte sectors
	Device           string // "major:minor", or a path on load
	Offset           uint64 // where the encrypted data starts on Device, 512-byte sectors
	Flags            CryptFlags
	SectorSize       uint32 // encryption sector in bytes; 0 stands for 512
	IntegrityTag     uint32 // bytes of metadata per sector; 0 for none
	IntegrityKind    string // "aead" or "none"; with IntegrityTag
	IntegrityKeySize uint32 // bytes, for authenc with an unusual key; 0 for none
	Unknown          []string
}

// Span implements Target.
func (c *Crypt) Span() (start, length uint64) { return c.Start, c.Length }

// Type implements Target.
func (*Crypt) Type() string { return "crypt" }

// Close wipes the key.
func (c *Crypt) Close() error { return c.Key.Close() }

// Params implements Target.
func (c *Crypt) Params() (*secret.Buffer, error) {
	w := newWriter("crypt")
	w.word("cipher", c.Cipher)
	c.Key.write(w)
	w.number(c.IVOffset)
	w.word("device", c.Device)
	w.number(c.Offset)
	c.options(w).write(w, false)
	return w.finish()
}

func (c *Crypt) options(w *writer) *options {
	o := &options{}
	for _, flag := range c.Flags.List() {
		o.add(flag.Name)
	}
	if c.SectorSize != 512 {
		o.nonZero("sector_size", uint64(c.SectorSize))
	}
	if c.IntegrityTag != 0 {
		o.add("integrity:" + strconv.FormatUint(uint64(c.IntegrityTag), 10) + ":" + c.IntegrityKind)
	}
	if (c.IntegrityTag != 0) != (c.IntegrityKind != "") {
		w.fail("integrity", c.IntegrityKind, "tag size and kind come together")
	}
	o.nonZero("integrity_key_size", uint64(c.IntegrityKeySize))
	o.add(c.Unknown...)
	return o
}

func parseCrypt(start, length uint64, params []byte) (Target, error) {
	r := newReader("crypt", params)
	c := &Crypt{Start: start, Length: length, Cipher: r.word("cipher"), Key: r.key("key")}
	c.IVOffset = r.number("iv offset")
	c.Device = r.word("device")
	c.Offset = r.number("offset")
	for _, word := range r.optionWords() {
		if r.err == nil {
			c.parseOption(r, string(word))
		}
	}
	return finish(r, c)
}

func (c *Crypt) parseOption(r *reader, word string) {
	for _, flag := range cryptFlags {
		if word == flag.Name {
			c.Flags |= flag.Flag
			return
		}
	}
	if n, ok := splitNumber(word, "sector_size", 32); ok {
		c.SectorSize = uint32(n)
		if n == 512 {
			c.SectorSize = 0
		}
		return
	}
	if n, ok := splitNumber(word, "integrity_key_size", 32); ok {
		c.IntegrityKeySize = uint32(n)
		return
	}
	if tag, kind, ok := splitIntegrity(word); ok {
		c.IntegrityTag, c.IntegrityKind = tag, kind
		return
	}
	if !printable(word) {
		r.fail("option", word, "contains a control character or a backslash")
	}
	c.Unknown = append(c.Unknown, word)
}

// splitIntegrity reads "integrity:<bytes>:<kind>". A kind that no line can carry is no kind.
func splitIntegrity(word string) (tag uint32, kind string, ok bool) {
	head, kind, found := cutLast(word, ":")
	if !found || !printable(kind) {
		return 0, "", false
	}
	n, ok := splitNumber(head, "integrity", 32)
	return uint32(n), kind, ok
}

func cutLast(s, sep string) (before, after string, found bool) {
	if i := strings.LastIndex(s, sep); i >= 0 {
		return s[:i], s[i+len(sep):], true
	}
	return s, "", false
}
