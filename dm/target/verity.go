// SPDX-License-Identifier: Apache-2.0

package target

import (
	"encoding/hex"

	"github.com/orthrus-luks/orthrus/dm/secret"
)

// Verity is a line of dm-verity (kernel: admin-guide/device-mapper/verity.rst).
type Verity struct {
	Start, Length  uint64 // 512-byte sectors
	Version        uint32 // 1; 0 is the original Chromium OS format
	DataDevice     string // "major:minor", or a path on load
	HashDevice     string
	DataBlockSize  uint32 // bytes
	HashBlockSize  uint32 // bytes
	DataBlocks     uint64 // data blocks
	HashStartBlock uint64 // hash blocks from the start of HashDevice
	Algorithm      string
	RootHash       []byte
	Salt           []byte   // empty renders as "-"
	Options        []string // as they are, in order; options with a value are two words
}

// Span implements Target.
func (v *Verity) Span() (start, length uint64) { return v.Start, v.Length }

// Type implements Target.
func (*Verity) Type() string { return "verity" }

// Close implements Target.
func (*Verity) Close() error { return nil }

// Params implements Target.
func (v *Verity) Params() (*secret.Buffer, error) {
	w := newWriter("verity")
	w.number(uint64(v.Version))
	w.word("device", v.DataDevice)
	w.word("hash device", v.HashDevice)
	w.number(uint64(v.DataBlockSize))
	w.number(uint64(v.HashBlockSize))
	w.number(v.DataBlocks)
	w.number(v.HashStartBlock)
	w.word("algorithm", v.Algorithm)
	w.word("root hash", hex.EncodeToString(v.RootHash))
	w.word("salt", dashed(hex.EncodeToString(v.Salt)))
	o := &options{}
	o.add(v.Options...)
	o.write(w, false)
	return w.finish()
}

func dashed(s string) string {
	if s == "" {
		return "-"
	}
	return s
}

func parseVerity(start, length uint64, params []byte) (Target, error) {
	r := newReader("verity", params)
	v := &Verity{Start: start, Length: length, Version: r.number32("version")}
	v.DataDevice = r.word("device")
	v.HashDevice = r.word("hash device")
	v.DataBlockSize = r.number32("data block size")
	v.HashBlockSize = r.number32("hash block size")
	v.DataBlocks = r.number("data blocks")
	v.HashStartBlock = r.number("hash start block")
	v.Algorithm = r.word("algorithm")
	v.RootHash = r.hexWord("root hash")
	if r.more() && r.left[0] == '-' {
		r.word("salt")
	} else {
		v.Salt = r.hexWord("salt")
	}
	for _, word := range r.optionWords() {
		if !printable(string(word)) {
			r.fail("option", string(word), "contains a control character or a backslash")
		}
		v.Options = append(v.Options, string(word))
	}
	return finish(r, v)
}

// hexWord reads hexadecimal that is no secret.
func (r *reader) hexWord(field string) []byte {
	word := r.word(field)
	if r.err != nil {
		return nil
	}
	p, err := hex.DecodeString(word)
	if err != nil {
		r.fail(field, word, "not hexadecimal")
	}
	return p
}
