// SPDX-License-Identifier: Apache-2.0

package target

import (
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// KeyedAlgorithm is an algorithm with its key, "hmac(sha256):<hex key>"; the key may be absent. The
// zero value stands for "not given".
type KeyedAlgorithm struct {
	Algorithm string
	Key       *secret.Buffer
}

// IntegrityFlags are the options of an integrity line that take no value.
type IntegrityFlags uint

// The flags, in the order they are rendered in.
const (
	Recalculate IntegrityFlags = 1 << iota
	ResetRecalculate
	IntegrityDiscards // allow_discards
	FixPadding
	FixHMAC
	LegacyRecalculate
)

func integrityFlagNames() []string {
	return []string{
		"recalculate", "reset_recalculate", "allow_discards", "fix_padding", "fix_hmac",
		"legacy_recalculate",
	}
}

// Integrity is a line of dm-integrity (kernel: admin-guide/device-mapper/dm-integrity.rst).
// Numbers of zero are not given and left to the kernel.
type Integrity struct {
	Start, Length uint64 // 512-byte sectors
	Device        string // "major:minor", or a path on load
	Offset        uint64 // reserved sectors at the start of Device, 512-byte sectors
	TagSize       uint32 // bytes of metadata per sector; 0 renders as "-": the internal hash decides
	Mode          byte   // 'J' journal, 'B' bitmap, 'D' direct, 'R' recovery, 'I' inline

	MetaDevice          string
	BlockSize           uint32 // bytes; 0 stands for 512
	JournalSectors      uint32 // 512-byte sectors
	InterleaveSectors   uint32 // 512-byte sectors
	BufferSectors       uint32 // 512-byte sectors
	JournalWatermark    uint32 // percent
	CommitTime          uint32 // milliseconds
	SectorsPerBit       uint64 // 512-byte sectors
	BitmapFlushInterval uint32 // milliseconds
	Flags               IntegrityFlags
	InternalHash        KeyedAlgorithm
	JournalCrypt        KeyedAlgorithm
	JournalMAC          KeyedAlgorithm
	Unknown             []string
}

// Span implements Target.
func (i *Integrity) Span() (start, length uint64) { return i.Start, i.Length }

// Type implements Target.
func (*Integrity) Type() string { return "integrity" }

// Close wipes the keys.
func (i *Integrity) Close() error {
	for _, a := range i.algorithms() {
		if err := a.value.Key.Close(); err != nil {
			return err
		}
	}
	return nil
}

type namedAlgorithm struct {
	name  string
	value *KeyedAlgorithm
}

func (i *Integrity) algorithms() []namedAlgorithm {
	return []namedAlgorithm{
		{"internal_hash", &i.InternalHash},
		{"journal_crypt", &i.JournalCrypt},
		{"journal_mac", &i.JournalMAC},
	}
}

type namedNumber struct {
	name  string
	value *uint32
}

// numbers lists the numeric options in the order the kernel reports them.
func (i *Integrity) numbers() []namedNumber {
	return []namedNumber{
		{"block_size", &i.BlockSize},
		{"journal_sectors", &i.JournalSectors},
		{"interleave_sectors", &i.InterleaveSectors},
		{"buffer_sectors", &i.BufferSectors},
		{"journal_watermark", &i.JournalWatermark},
		{"commit_time", &i.CommitTime},
		{"bitmap_flush_interval", &i.BitmapFlushInterval},
	}
}

// Params implements Target.
func (i *Integrity) Params() (*secret.Buffer, error) {
	w := newWriter("integrity")
	w.word("device", i.Device)
	w.number(i.Offset)
	tag := "-"
	if i.TagSize != 0 {
		tag = strconv.FormatUint(uint64(i.TagSize), 10)
	}
	w.word("tag size", tag)
	w.word("mode", string(rune(i.Mode)))
	i.writeOptions(w)
	return w.finish()
}

func (i *Integrity) writeOptions(w *writer) {
	o := i.plainOptions()
	count := len(o.words)
	for _, a := range i.algorithms() {
		if a.value.Algorithm != "" {
			count++
		}
	}
	w.number(uint64(count))
	for _, word := range o.words {
		w.word("option", string(word))
	}
	for _, a := range i.algorithms() {
		a.value.write(w, a.name)
	}
}

func (i *Integrity) plainOptions() *options {
	o := &options{}
	if i.MetaDevice != "" {
		o.add("meta_device:" + i.MetaDevice)
	}
	for _, n := range i.numbers() {
		if n.name != "block_size" || *n.value != 512 {
			o.nonZero(n.name, uint64(*n.value))
		}
	}
	o.nonZero("sectors_per_bit", i.SectorsPerBit)
	for bit, name := range integrityFlagNames() {
		if i.Flags&(1<<bit) != 0 {
			o.add(name)
		}
	}
	o.add(i.Unknown...)
	return o
}

func (a *KeyedAlgorithm) write(w *writer, name string) {
	if a.Algorithm == "" {
		return
	}
	if strings.Contains(a.Algorithm, ":") {
		w.fail(name, a.Algorithm, "colon in the algorithm")
	}
	w.word(name, name+":"+a.Algorithm)
	if a.Key != nil {
		w.append([]byte{':'})
		w.hex(a.Key.Bytes())
	}
}

func parseIntegrity(start, length uint64, params []byte) (Target, error) {
	r := newReader("integrity", params)
	i := &Integrity{Start: start, Length: length, Device: r.word("device"), Offset: r.number("offset")}
	i.TagSize = r.tagSize()
	if mode := r.word("mode"); len(mode) == 1 && mode[0] < 0x80 {
		i.Mode = mode[0]
	} else {
		r.fail("mode", mode, "not a single letter")
	}
	for _, word := range r.optionWords() {
		if r.err == nil {
			i.parseOption(r, word)
		}
	}
	return finish(r, i)
}

func (r *reader) tagSize() uint32 {
	if r.more() && r.left[0] == '-' {
		r.word("tag size")
		return 0
	}
	return r.number32("tag size")
}

// parseOption takes the word as bytes because it may end in a key.
func (i *Integrity) parseOption(r *reader, word []byte) {
	for _, a := range i.algorithms() {
		if text, found := cutPrefix(word, a.name+":"); found {
			a.value.reset()
			*a.value = r.keyed(a.name, text)
			return
		}
	}
	if !i.parsePlain(string(word)) {
		if !printable(string(word)) {
			r.fail("option", string(word), "contains a control character or a backslash")
		}
		i.Unknown = append(i.Unknown, string(word))
	}
}

// reset wipes what an earlier occurrence of the same option left.
func (a *KeyedAlgorithm) reset() { _ = a.Key.Close() }

func cutPrefix(word []byte, prefix string) ([]byte, bool) {
	if len(word) < len(prefix) || string(word[:len(prefix)]) != prefix {
		return nil, false
	}
	return word[len(prefix):], true
}

func (i *Integrity) parsePlain(word string) bool {
	for bit, name := range integrityFlagNames() {
		if word == name {
			i.Flags |= 1 << bit
			return true
		}
	}
	for _, field := range i.numbers() {
		if n, ok := splitNumber(word, field.name, 32); ok {
			*field.value = uint32(n)
			return true
		}
	}
	if n, ok := splitNumber(word, "sectors_per_bit", 64); ok {
		i.SectorsPerBit = n
		return true
	}
	device, found := strings.CutPrefix(word, "meta_device:")
	if found && printable(device) {
		i.MetaDevice = device
		return true
	}
	return false
}
