// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
)

// SignatureSize is how much of a partition a signature is looked for in, bytes.
const SignatureSize = 64 << 10

// ErrNoSignature: what was read is no signature partition.
var ErrNoSignature = errors.New("no signature of a root hash")

// Signature is what a signature partition of the Discoverable Partitions Specification holds: a JSON object, filled up
// with NUL bytes. Nothing here checks the signature; the kernel does.
type Signature struct {
	RootHash    []byte
	Fingerprint string // SHA-256 of the certificate, hexadecimal; may be empty
	PKCS7       []byte // DER, detached; it is of the root hash in lower case hexadecimal
}

// ParseSignature reads the beginning of such a partition. The error is of kind ErrNoSignature.
func ParseSignature(raw []byte) (*Signature, error) {
	raw, _, _ = bytes.Cut(raw, []byte{0})
	var fields struct {
		RootHash    string `json:"rootHash"`
		Fingerprint string `json:"certificateFingerprint"`
		Signature   []byte `json:"signature"`
	}
	if err := json.Unmarshal(raw, &fields); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrNoSignature, err)
	}
	root, err := hex.DecodeString(fields.RootHash)
	if err != nil || len(root) == 0 || len(root) > 64 || len(fields.Signature) == 0 {
		return nil, fmt.Errorf("%w: root hash or signature are missing", ErrNoSignature)
	}
	return &Signature{RootHash: root, Fingerprint: fields.Fingerprint, PKCS7: fields.Signature}, nil
}
