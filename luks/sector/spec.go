// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"fmt"
	"strings"
)

// Spec is a cipher specification taken apart. Its zero value is not a valid one.
type Spec struct {
	Cipher string // "aes"; with a key count "aes:64"
	Mode   string // "xts"
	IV     string // "plain64"; empty only where the mode takes none
	IVHash string // "sha256" of "essiv:sha256"; for other IVs whatever follows the colon

	// Algorithm is "xts(aes)" of "capi:xts(aes)-plain64"; empty in the other notation.
	Algorithm string
}

// NullCipher is the name of the cipher that leaves data as it is.
const NullCipher = "cipher_null"

// capiPrefix heads a specification in the kernel crypto API's own notation.
const capiPrefix = "capi:"

// ParseSpec takes apart "cipher[:keycount]-mode-iv[:option]" and "capi:mode(cipher)-iv[:option]" as dm-crypt
// does. Legacy forms: "aes" and "aes-plain" mean aes-cbc-plain, "null" and "cipher_null" mean
// cipher_null-ecb. It judges form only; whether the cipher exists is for New. The error is a SpecError.
func ParseSpec(text string) (Spec, error) {
	if name, found := strings.CutPrefix(text, capiPrefix); found {
		return parseCAPI(text, name)
	}
	if reason := malformed(text); reason != "" {
		return Spec{}, &SpecError{Spec: text, Reason: reason}
	}
	s := splitSpec(text)
	if reason := s.incomplete(); reason != "" {
		return Spec{}, &SpecError{Spec: text, Reason: reason}
	}
	return s, nil
}

func (s Spec) incomplete() string {
	switch {
	case s.Mode == "":
		return "mode is empty"
	case s.IV == "" && (s.Mode != "ecb" || s.IVHash != ""):
		return "mode " + s.Mode + " needs an IV"
	case s.IV == "essiv" && s.IVHash == "":
		return "essiv needs the name of a hash"
	case len(s.String()) > maxSpec:
		return fmt.Sprintf("it is longer than %d bytes", maxSpec)
	}
	return ""
}

// maxSpec is the longest specification in full form: CRYPTO_MAX_ALG_NAME less the terminator.
const maxSpec = 127

func malformed(text string) string {
	switch {
	case text == "":
		return "it is empty"
	case strings.ContainsAny(text, "()"):
		return "parentheses belong to the capi notation"
	case strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' }):
		return "it has a blank or unprintable character"
	case text[0] == '-' || text[0] == ':':
		return "the cipher's name is empty"
	}
	return ""
}

func splitSpec(text string) Spec {
	var s Spec
	var rest string
	var hasMode bool
	if s.Cipher, rest, hasMode = strings.Cut(text, "-"); !hasMode {
		return shortSpec(s.Cipher)
	}
	var iv string
	s.Mode, iv, _ = strings.Cut(rest, "-")
	if rest == "plain" {
		s.Mode, iv = "cbc", "plain"
	}
	s.IV, s.IVHash, _ = strings.Cut(iv, ":")
	return s
}

func shortSpec(name string) Spec {
	if name == "null" || name == NullCipher {
		return Spec{Cipher: NullCipher, Mode: "ecb"}
	}
	return Spec{Cipher: name, Mode: "cbc", IV: "plain"}
}

// String puts the specification together again, in full form: ParseSpec("aes") prints aes-cbc-plain.
func (s Spec) String() string {
	text := s.Cipher + "-" + s.Mode
	if s.Algorithm != "" {
		text = capiPrefix + s.Algorithm
	}
	if s.IV != "" {
		text += "-" + s.IV
	}
	if s.IVHash != "" {
		text += ":" + s.IVHash
	}
	return text
}

// IsNull reports whether the specification encrypts nothing.
func (s Spec) IsNull() bool { return s.Cipher == NullCipher }

// IsNull reports whether text names a cipher that encrypts nothing; malformed text does not.
func IsNull(text string) bool {
	s, err := ParseSpec(text)
	return err == nil && s.IsNull()
}
