// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"

	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
)

// Tcrypt renders what tcryptDump shows of a TrueCrypt or VeraCrypt volume; device is its name as given.
func Tcrypt(device string, v *tcrypt.Volume) string {
	var b strings.Builder
	format := "TCRYPT"
	if v.VeraCrypt {
		format = "VERACRYPT"
	}
	put(&b, "%s header information for %s\n", format, device)
	put(&b, "Version:       \t%d\nDriver req.:\t%s\n", v.Version, TcryptProgram(v))
	put(&b, "Flags:       \t0x%x\nSector size:\t%d [bytes]\nMK offset:\t%d [bytes]\n", v.Flags, v.SectorSize, v.Start)
	if v.VolumeSize > 0 {
		put(&b, "Volume size:\t%d [bytes]\n", v.VolumeSize)
	}
	if v.HiddenSize > 0 {
		put(&b, "Hidden size:\t%d [bytes]\n", v.HiddenSize)
	}
	if v.Derivation.Argon2() {
		put(&b, "PBKDF:\t\tArgon2id\n")
	} else {
		put(&b, "PBKDF2 hash:\t%s\n", v.Derivation.Hash)
	}
	put(&b, "Cipher chain:\t%s\nCipher mode:\t%s\nMK bits:       \t%d\n", v.Chain.Ciphers, v.Chain.Mode, v.Chain.Bits())
	return b.String()
}

// TcryptProgram is the least version of the program, which is shown in hexadecimal: 1.b.
func TcryptProgram(v *tcrypt.Volume) string { return said("%x.%x", v.Program>>8, v.Program&0xff) }
