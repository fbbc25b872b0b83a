// SPDX-License-Identifier: Apache-2.0

package cli

// Values of --type, as scripts write them.
const (
	TypeLuks    = "luks"
	TypeLuks1   = "luks1"
	TypeLuks2   = "luks2"
	TypePlain   = "plain"
	TypeLoopAES = "loopaes"
	TypeTcrypt  = "tcrypt"
	TypeBitlk   = "bitlk"
	TypeFVault2 = "fvault2"
)

// formatName gives the name of a format that is read by those actions alone which say so, empty for LUKS and plain.
func formatName(deviceType string) string {
	switch deviceType {
	case TypeLoopAES:
		return "loop-AES"
	case TypeTcrypt:
		return "TCRYPT"
	case TypeBitlk:
		return "BITLK"
	case TypeFVault2:
		return "FVAULT2"
	}
	return ""
}
