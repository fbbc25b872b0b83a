// SPDX-License-Identifier: Apache-2.0

package cli

// Values of --type, as scripts write them.
const (
	typeLuks    = "luks"
	typeLuks1   = "luks1"
	typeLuks2   = "luks2"
	typePlain   = "plain"
	typeLoopAES = "loopaes"
	typeTcrypt  = "tcrypt"
	typeBitlk   = "bitlk"
	typeFVault2 = "fvault2"
)

// formatName gives the name of a format this program does not read, empty for one it does.
func formatName(deviceType string) string {
	switch deviceType {
	case typeLoopAES:
		return "loop-AES"
	case typeTcrypt:
		return "TCRYPT"
	case typeBitlk:
		return "BITLK"
	case typeFVault2:
		return "FVAULT2"
	}
	return ""
}
