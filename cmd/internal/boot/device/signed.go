// SPDX-License-Identifier: Apache-2.0

package device

import (
	"encoding/hex"
	"io"
	"os"
	"runtime"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/verity"
)

// signatureTypes are the types of partitions with the signature of a root hash, by architecture
// (Discoverable Partitions Specification).
var signatureTypes = map[string]map[string]string{
	"amd64": {
		"41092b05-9fc8-4523-994f-2def0408b176": "root",
		"e7bb33fb-06cf-4e81-8273-e543b413e2e2": "usr",
	},
	"arm64": {
		"6db69de6-29f4-4758-a7a5-962190f00ce3": "root",
		"c23ce4ff-44bd-4b00-b2d4-b41b3419e02a": "usr",
	},
}

// signed is what a partition of that type signs, USAGE:HASH, or "".
func signed(node, kind string) string {
	usage := signatureTypes[runtime.GOARCH][kind]
	if usage == "" {
		return ""
	}
	s, err := ReadSignature(node)
	if err != nil {
		return ""
	}
	return usage + ":" + hex.EncodeToString(s.RootHash)
}

// ReadSignature reads a signature partition.
func ReadSignature(node string) (*verity.Signature, error) {
	f, err := os.Open(node)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	raw, err := io.ReadAll(io.LimitReader(f, verity.SignatureSize))
	if err != nil {
		return nil, err
	}
	return verity.ParseSignature(raw)
}

// signs tells whether a reference to a signature means this one.
func (i *Identity) signs(value string) bool {
	usage, hash, _ := strings.Cut(i.Signs, ":")
	wanted, digits, _ := strings.Cut(value, ":")
	return hash != "" && (wanted == "" || wanted == usage) && strings.HasPrefix(hash, digits)
}
