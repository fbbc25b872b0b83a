// SPDX-License-Identifier: Apache-2.0

package text

import (
	"strings"

	"github.com/orthrus-luks/orthrus/dm/uuid"
	"github.com/orthrus-luks/orthrus/luks/foreign/fvault2"
)

// FVault2 renders what fvault2Dump shows of a FileVault 2 volume; device is its name as given.
func FVault2(device string, v *fvault2.Volume) string {
	var b strings.Builder
	put(&b, "Header information for FVAULT2 device %s.\n", device)
	put(&b, "Physical volume UUID: \t%s\nFamily UUID:          \t%s\n", uuid.Format(v.UUID), uuid.Format(v.Family))
	put(&b, "Logical volume offset:\t%d [bytes]\nLogical volume size:  \t%d [bytes]\n", v.DataOffset, v.DataSize)
	cipher, mode, _ := strings.Cut(fvault2.Cipher, "-")
	put(&b, "Cipher:               \t%s\nCipher mode:          \t%s\n", cipher, mode)
	put(&b, "PBKDF2 iterations:    \t%d\nPBKDF2 salt:          \t% x \n", v.Users[0].Iterations, v.Users[0].Salt)
	return b.String()
}
