// SPDX-License-Identifier: Apache-2.0

package text

import (
	"cmp"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/luks/foreign/bitlk"
)

// Bitlk renders what bitlkDump shows of a BitLocker volume; device is its name as given.
func Bitlk(device string, v *bitlk.Volume) string {
	var b strings.Builder
	togo := ""
	if v.Boot.ToGo {
		togo = " To Go"
	}
	put(&b, "Info for BITLK%s device %s.\n", togo, device)
	put(&b, "Version:      \t2\nGUID:         \t%s\nSector size:  \t%d [bytes]\n", v.GUID.String(), v.Boot.SectorSize)
	put(&b, "Volume size:  \t%d [bytes]\nCreated:      \t%s\n", v.Encrypted, v.Created.Local().Format(time.ANSIC))
	put(&b, "Description:  \t%s\n", cmp.Or(v.Description, "(null)"))
	cipher, mode, _ := strings.Cut(v.Method.Cipher(), "-")
	put(&b, "Cipher name:  \t%s\nCipher mode:  \t%s\nCipher key:   \t%d [bits]\n", cipher, mode, v.Method.KeySize()*8)
	writeProtectors(&b, v)
	writeBitlkSegments(&b, v)
	return b.String()
}

func writeProtectors(b *strings.Builder, v *bitlk.Volume) {
	put(b, "\nKeyslots:\n")
	for i, m := range v.VMKs {
		put(b, " %d: VMK\n", i)
		if m.Name != "" {
			put(b, "\tName:       \t%s\n", m.Name)
		}
		protection := "VMK with unknown protection"
		if word := m.Protection.String(); word != "" {
			protection = "VMK protected with " + word
		}
		put(b, "\tGUID:       \t%s\n\tProtection: \t%s\n\tSalt:       \t%x\n", m.GUID.String(), protection, m.Salt[:])
		for _, size := range m.KeySizes() {
			put(b, "\tKey data size:\t%d [bytes]\n", size)
		}
	}
	if size := v.FVEK.Size(); size > 0 {
		put(b, " %d: FVEK\n\tKey data size:\t%d [bytes]\n", len(v.VMKs), size)
	}
}

func writeBitlkSegments(b *strings.Builder, v *bitlk.Volume) {
	put(b, "\nMetadata segments:\n")
	for i, offset := range v.Block.Offsets {
		put(b, " %d: FVE metadata area\n\tOffset: \t%d [bytes]\n\tSize:   \t%d [bytes]\n", i, offset, bitlk.BlockSize)
	}
	put(b, " %d: Volume header\n\tOffset: \t%d [bytes]\n\tSize:   \t%d [bytes]\n\tCipher: \t%s\n",
		len(v.Block.Offsets), v.Moved.Offset, v.Moved.Size, v.Method.Cipher())
}
