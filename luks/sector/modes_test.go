// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"slices"
	"strings"
	"testing"
)

// What dm-crypt asks the kernel's crypto layer for: Documentation/crypto, and the templates in crypto/ of 6.1.
func TestKernelModulesAreThoseOfTheWholeWay(t *testing.T) {
	for spec, want := range map[string]string{
		"aes-xts-plain64":      "crypto-xts(aes) crypto-xts crypto-aes",
		"aes":                  "crypto-cbc(aes) crypto-cbc crypto-aes",
		"aes:64-cbc-plain64":   "crypto-cbc(aes) crypto-cbc crypto-aes", // AF_ALG has no key counts
		"camellia-xts-plain64": "crypto-xts(camellia) crypto-xts crypto-camellia",
		"aria-xts-plain64":     "crypto-xts(aria) crypto-xts crypto-aria algif_skcipher",
		"aes-cbc-essiv:sha256": "crypto-essiv(cbc(aes),sha256) crypto-essiv crypto-cbc(aes) crypto-cbc crypto-aes " +
			"crypto-sha256",
		"xchacha12,aes-adiantum-plain64": "crypto-adiantum(xchacha12,aes) crypto-adiantum crypto-xchacha12 " +
			"crypto-aes crypto-nhpoly1305 algif_skcipher",
		"aes-hctr2-plain64":     "crypto-hctr2(aes) crypto-hctr2 crypto-aes crypto-xctr crypto-polyval",
		"capi:xts(aes)-plain64": "crypto-xts(aes) crypto-xts crypto-aes",
		"capi:cbc(aes)-essiv:sha3-256": "crypto-essiv(cbc(aes),sha3-256) crypto-essiv crypto-cbc(aes) crypto-cbc " +
			"crypto-aes crypto-sha3-256",
		"capi:adiantum(xchacha20,aes)-plain64": "crypto-adiantum(xchacha20,aes) crypto-adiantum crypto-xchacha20 " +
			"crypto-aes crypto-nhpoly1305 algif_skcipher",
		"capi:authenc(hmac(sha256),xts(aes))-random": "crypto-authenc(hmac(sha256),xts(aes)) crypto-authenc " +
			"crypto-hmac(sha256) crypto-hmac crypto-sha256 crypto-xts(aes) crypto-xts crypto-aes",
		"capi:xts-aes-aesni-plain64": "crypto-xts-aes-aesni",
		"aes-xts":                    "",
		"":                           "",
	} {
		if got := strings.Join(KernelModules(spec), " "); got != want {
			t.Errorf("%s: %s, want %s", spec, got, want)
		}
	}
}

func FuzzKernelModules(f *testing.F) {
	f.Add("capi:essiv(cbc(aes),sha256)-plain64")
	f.Add("capi:a)(b,,(c-x:y")
	f.Fuzz(func(t *testing.T, spec string) {
		if slices.ContainsFunc(KernelModules(spec), func(name string) bool { return name == "" }) {
			t.Error("a module without name")
		}
	})
}

func TestRowsOfModesAreWhole(t *testing.T) {
	seen := map[string]bool{}
	for _, r := range modes {
		if seen[r.name] || len(r.ciphers) == 0 || r.keys == 0 {
			t.Errorf("%s: twice, without cipher or without key", r.name)
		}
		seen[r.name] = true
	}
}

// What the row says of a mode's vectors and keys is what its code takes.
func TestComputedModesAgreeWithTheirRows(t *testing.T) {
	computed := 0
	for _, r := range modes {
		if r.make == nil {
			continue
		}
		computed++
		s := Spec{Cipher: r.ciphers[0], Mode: r.name, IV: "plain64"}
		m, err := r.make(s, make([]byte, 32*r.keys))
		if err != nil {
			t.Fatal(err)
		}
		if m.ivSize() != s.kernelIVSize() || !s.builtin() {
			t.Errorf("%s: vectors of %d bytes, want %d", s, m.ivSize(), s.kernelIVSize())
		}
		m.wipe()
	}
	if computed == 0 {
		t.Error("none is computed")
	}
}

func TestBootPatternsAreSpecificationsInBothNotations(t *testing.T) {
	patterns := BootPatterns()
	for _, want := range []string{
		"aes-xts-plain64", "sm4-cbc-essiv:*", "camellia-lrw-benbi", "capi:adiantum(xchacha12,aes)-plain64", "aes-hctr2-plain64",
	} {
		if !slices.Contains(patterns, want) {
			t.Errorf("no %s", want)
		}
	}
	for _, p := range patterns {
		if _, err := ParseSpec(p); err != nil && !strings.HasPrefix(p, "capi:") || len(KernelModules(p)) == 0 {
			t.Errorf("%s: %v", p, err)
		}
	}
}

func TestBootModulesHaveThoseThatNoDependencyTells(t *testing.T) {
	got := BootModules()
	for _, want := range []string{"crypto-nhpoly1305", "crypto-xctr", "crypto-polyval", "crypto-lrw", "algif_skcipher"} {
		if !slices.Contains(got, want) {
			t.Errorf("no %s", want)
		}
	}
}
