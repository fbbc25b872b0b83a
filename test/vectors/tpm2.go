// SPDX-License-Identifier: Apache-2.0

package vectors

import (
	"bytes"
	"compress/gzip"
	"embed"
	"io"
	"strings"
)

//go:embed tpm2
var tpm2Files embed.FS

// TPM2 are tokens that systemd-cryptenroll 252 and 257 made, on one TPM.
type TPM2 struct {
	State     []byte            // of the TPM, for swtpm
	Signature []byte            // tpm2-pcr-signature.json, for the signed ones
	Tokens    map[string][]byte // their JSON, by name: "257-pin"
}

// TPM2Extends are the registers that were extended, of an emulator that had just started, as tpm2_pcrextend takes it.
func TPM2Extends() []string {
	return []string{
		"7:sha256=" + digits(64, '1'), "7:sha1=" + digits(40, '1'), "11:sha256=" + digits(64, '2'),
	}
}

// digits is a number of so many digits, zero but for the last.
func digits(n int, last byte) string { return strings.Repeat("0", n-1) + string(last) }

// TPM2PIN is that of the tokens with one.
const TPM2PIN = "1234"

// TPM2Tokens reads them.
func TPM2Tokens() (v TPM2, err error) {
	v.Tokens = map[string][]byte{}
	entries, err := tpm2Files.ReadDir("tpm2")
	if err != nil {
		return v, err
	}
	for _, e := range entries {
		data, err := tpm2Files.ReadFile("tpm2/" + e.Name())
		if err != nil {
			return v, err
		}
		switch name, isJSON := strings.CutSuffix(e.Name(), ".json"); {
		case !isJSON:
			z, err := gzip.NewReader(bytes.NewReader(data))
			if err != nil {
				return v, err
			}
			if v.State, err = io.ReadAll(z); err != nil {
				return v, err
			}
		case name == "signature":
			v.Signature = data
		default:
			v.Tokens[name] = data
		}
	}
	return v, nil
}
