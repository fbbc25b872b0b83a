// SPDX-License-Identifier: Apache-2.0

package token

import (
	"bytes"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sort"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/token/tpm"
)

// signatureFile is what systemd-measure writes, and mostSignatures bounds it, bytes.
const (
	signatureFile  = "tpm2-pcr-signature.json"
	mostSignatures = 1 << 20
)

// signatureFolders are where it is looked for; the last is of a unified kernel image's stub, in an initramfs.
var signatureFolders = []string{
	"/etc/systemd", "/run/systemd", "/usr/local/lib/systemd", "/usr/lib/systemd", "/.extra",
}

// signedPolicy is an entry of that file.
type signedPolicy struct {
	PCRs        []int  `json:"pcrs"`
	Fingerprint string `json:"pkfp"`
	Policy      string `json:"pol"`
	Signature   string `json:"sig"`
	Reference   string `json:"ref"`
}

// signed is the condition of a signed policy, with the signatures at hand.
func (v *TPM2) signed(bank tpm.Hash, help Help) (tpm.Signed, error) {
	key, ok := parseRSA(v.PEM)
	if !ok {
		return tpm.Signed{}, &FieldError{"systemd-tpm2", "tpm2_pubkey", "not an RSA public key in PEM"}
	}
	text, err := readNamed(help.option("tpm2-signature"), signatureFile, signatureFolders)
	if err != nil {
		return tpm.Signed{}, fmt.Errorf("signatures of policies: %w", err)
	}
	entries, err := parseSignatures(text, bank)
	if err != nil {
		return tpm.Signed{}, err
	}
	var reference []byte
	if v.PolicyRef != "" {
		reference = tpm.SHA256.Sum([]byte(v.PolicyRef))
	}
	return tpm.Signed{
		PCRs: tpm.PCRs{Bank: bank, Numbers: v.SignedPCRs}, Key: key.public(), Reference: reference,
		Find: func(policy []byte) (tpm.Signature, bool) {
			return v.signature(entries, hex.EncodeToString(tpm.SHA256.Sum(key.der)), policy)
		},
	}, nil
}

// signature is the first that fits.
func (v *TPM2) signature(entries []signedPolicy, fingerprint string, policy []byte) (s tpm.Signature, found bool) {
	for _, e := range entries {
		pcrs := slices.Clone(e.PCRs)
		sort.Ints(pcrs)
		if !slices.Equal(pcrs, v.SignedPCRs) || !strings.EqualFold(e.Fingerprint, fingerprint) ||
			!strings.EqualFold(e.Policy, hex.EncodeToString(policy)) || e.Reference != v.PolicyRef {
			continue
		}
		signature, err := base64.StdEncoding.DecodeString(e.Signature)
		if err == nil && len(signature) <= 512 {
			return tpm.Signature{Policy: policy, Signature: signature}, true
		}
	}
	return s, false
}

// parseSignatures are the entries of a bank.
func parseSignatures(text []byte, bank tpm.Hash) ([]signedPolicy, error) {
	var all map[string][]signedPolicy
	if err := json.Unmarshal(text, &all); err != nil {
		return nil, fmt.Errorf("%s is malformed: %w", signatureFile, err)
	}
	return all[bank.String()], nil
}

// readNamed reads a file: an absolute path, or a name that is looked for in folders.
func readNamed(given, usual string, folders []string) ([]byte, error) {
	if given == "" {
		given = usual
	}
	paths := []string{given}
	if !filepath.IsAbs(given) {
		paths = nil
		for _, folder := range folders {
			paths = append(paths, filepath.Join(folder, filepath.Base(given)))
		}
	}
	for _, path := range paths {
		text, err := readShort(path)
		if !errors.Is(err, fs.ErrNotExist) {
			return text, err
		}
	}
	return nil, fmt.Errorf("%s: %w", given, fs.ErrNotExist)
}

func readShort(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err == nil && (!info.Mode().IsRegular() || info.Size() > mostSignatures) {
		err = fmt.Errorf("%s is no file of at most 1 MiB", path)
	}
	if err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// The public area of a key that signs policies, as systemd gives it to the TPM.
const (
	signerRSA        = 0x0001
	signerSHA256     = 0x000b
	signerAttributes = 0x00060040 // decrypt, sign, userWithAuth
	signerNull       = 0x0010
	usualExponent    = 65537
)

// public is that area: RSA, SHA-256, no symmetric algorithm, no scheme, the exponent as it is.
func (k rsaKey) public() []byte {
	exponent := make([]byte, 4)
	copy(exponent[4-len(k.exponent):], k.exponent)
	p := binary.BigEndian.AppendUint16(nil, signerRSA)
	p = binary.BigEndian.AppendUint16(p, signerSHA256)
	p = binary.BigEndian.AppendUint32(p, signerAttributes)
	for _, n := range []uint16{0, signerNull, signerNull, uint16(bits(k.modulus))} {
		p = binary.BigEndian.AppendUint16(p, n)
	}
	return slices.Concat(p, exponent, tpm.Sized(k.modulus))
}

// exponentAt is where the exponent stands in it.
const exponentAt = 16

// withoutExponent writes the usual exponent as 0, as old enrolments have it.
func withoutExponent(public []byte) []byte {
	public = bytes.Clone(public)
	if binary.BigEndian.Uint32(public[exponentAt:]) == usualExponent {
		clear(public[exponentAt : exponentAt+4])
	}
	return public
}
