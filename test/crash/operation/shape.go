// SPDX-License-Identifier: Apache-2.0

package operation

import (
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/test/crash/disk"
)

// recode changes the binary headers of both heads of a healthy LUKS2 volume.
func recode(m *disk.Image, edit func(magic string, h *luks2.Header)) *disk.Image {
	h := header.Read(readOnly{m})
	for _, f := range []header.Found{h.Primary, h.Secondary} {
		magic := luks2.PrimaryMagic
		if f.Copy.Header.Secondary() {
			magic = luks2.SecondaryMagic
		}
		edit(magic, &f.Copy.Header)
		p, err := luks2.Encode(f.Copy)
		if err != nil {
			panic("a recorded volume cannot be encoded: " + err.Error())
		}
		m = m.WithBytes(p, int64(f.Offset))
	}
	return m
}

// withSeqID sets the sequence number of both heads.
func withSeqID(seqID uint64) func(*disk.Image) *disk.Image {
	return func(m *disk.Image) *disk.Image {
		return recode(m, func(_ string, h *luks2.Header) { h.SeqID = seqID })
	}
}

// withStale makes one head, named by its magic, that of before a change of the label.
func withStale(stale string) func(*disk.Image) *disk.Image {
	return func(m *disk.Image) *disk.Image {
		return recode(m, func(magic string, h *luks2.Header) {
			if magic != stale {
				h.SeqID++
				h.Label = "NEWER"
			}
		})
	}
}

// withConflict gives the secondary another label under the same sequence number.
func withConflict(m *disk.Image) *disk.Image {
	return recode(m, func(magic string, h *luks2.Header) {
		if magic == luks2.SecondaryMagic {
			h.Label = "OTHER"
		}
	})
}

// withZeros wipes the head at an offset, as far as the small volumes' heads reach.
func withZeros(offset int64) func(*disk.Image) *disk.Image {
	return func(m *disk.Image) *disk.Image { return m.WithBytes(make([]byte, luks2.MinSize), offset) }
}

// withoutHeads wipes every head.
func withoutHeads(m *disk.Image, heads []disk.Range) *disk.Image {
	for _, h := range heads {
		m = m.WithBytes(make([]byte, h.Length), h.Offset)
	}
	return m
}

// withUpperCaseHash is a glitch of LUKS1 headers.
func withUpperCaseHash(m *disk.Image) *disk.Image {
	const hashSpec = 72 // bytes
	return m.WithBytes([]byte("SHA1"), hashSpec)
}
