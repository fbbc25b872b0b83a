// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"fmt"
	"strings"
)

// maxCAPI is the longest beginning of the notation, prefix included, that other readers do not cut off: LUKS1
// has a field of 32 bytes for it.
const maxCAPI = 31

// parseCAPI takes apart "xts(aes)-plain64". Drivers are refused, as they are by other readers: the next kernel,
// or another processor, has none of that name.
func parseCAPI(text, name string) (Spec, error) {
	algorithm, iv, _ := strings.Cut(name, "-")
	template, of, _ := strings.Cut(algorithm, "(")
	inner, closed := strings.CutSuffix(of, ")")
	s := Spec{Cipher: inner, Mode: template, Algorithm: algorithm}
	s.IV, s.IVHash, _ = strings.Cut(iv, ":")
	reason := ""
	switch {
	case strings.Contains(s.IV, "-"), strings.Contains(iv, ")"):
		reason = "names of the kernel's drivers mean nothing to another kernel"
	case template == "", !isAlgorithm(algorithm), !closed, !balanced(inner):
		reason = "the algorithm is no mode(cipher)"
	case s.IV == "":
		reason = "the notation needs an IV"
	case s.IV == "essiv" && s.IVHash == "":
		reason = "essiv needs the name of a hash"
	case len(capiPrefix+algorithm) > maxCAPI:
		reason = fmt.Sprintf("other readers cut %s%s after %d bytes", capiPrefix, algorithm, maxCAPI)
	case len(text) > maxSpec || malformedTail(iv):
		reason = "it is too long or has a blank or unprintable character"
	}
	if reason != "" {
		return Spec{}, &SpecError{Spec: text, Reason: reason}
	}
	return s, nil
}

// isAlgorithm: the kernel's names of algorithms have no other characters.
func isAlgorithm(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && !strings.ContainsRune("_,()", r)
	})
}

// balanced: the cipher, which may be a template itself, closes what it opens.
func balanced(inner string) bool {
	depth := 0
	for _, r := range inner {
		switch r {
		case '(':
			depth++
		case ')':
			depth--
		}
		if depth < 0 {
			return false
		}
	}
	return depth == 0 && inner != ""
}

func malformedTail(iv string) bool {
	return strings.ContainsFunc(iv, func(r rune) bool { return r <= ' ' || r > '~' || r == '(' })
}
