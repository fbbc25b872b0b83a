// SPDX-License-Identifier: Apache-2.0

package sector

import (
	"errors"
	"strings"
	"testing"
)

func TestParseSpecTakesSpecificationsApart(t *testing.T) {
	for _, test := range []struct {
		text string
		want Spec
		full string // String, where it is not text
	}{
		{text: "aes-xts-plain64", want: Spec{"aes", "xts", "plain64", "", ""}},
		{text: "aes-cbc-essiv:sha256", want: Spec{"aes", "cbc", "essiv", "sha256", ""}},
		{text: "aes-cbc-essiv:sha3-256", want: Spec{"aes", "cbc", "essiv", "sha3-256", ""}},
		{text: "aes:64-cbc-lmk", want: Spec{"aes:64", "cbc", "lmk", "", ""}},
		{text: "xchacha12,aes-adiantum-plain64", want: Spec{"xchacha12,aes", "adiantum", "plain64", "", ""}},
		{text: "aes-ecb", want: Spec{"aes", "ecb", "", "", ""}},
		{text: "cipher_null-ecb", want: Spec{"cipher_null", "ecb", "", "", ""}},
		{text: "aes", want: Spec{"aes", "cbc", "plain", "", ""}, full: "aes-cbc-plain"},
		{text: "aes-plain", want: Spec{"aes", "cbc", "plain", "", ""}, full: "aes-cbc-plain"},
		{text: "capi:xts(aes)-plain64", want: Spec{"aes", "xts", "plain64", "", "xts(aes)"}},
		{text: "capi:cbc(aes)-essiv:sha3-256", want: Spec{"aes", "cbc", "essiv", "sha3-256", "cbc(aes)"}},
		{text: "capi:cbc(aes)-plain64:x", want: Spec{"aes", "cbc", "plain64", "x", "cbc(aes)"}},
		{text: "capi:adiantum(xchacha20,aes)-plain64", want: Spec{"xchacha20,aes", "adiantum", "plain64", "", "adiantum(xchacha20,aes)"}},
		{text: "capi:essiv(cbc(aes),sha256)-plain", want: Spec{"cbc(aes),sha256", "essiv", "plain", "", "essiv(cbc(aes),sha256)"}},
		{text: "null", want: Spec{"cipher_null", "ecb", "", "", ""}, full: "cipher_null-ecb"},
		{text: "cipher_null", want: Spec{"cipher_null", "ecb", "", "", ""}, full: "cipher_null-ecb"},
	} {
		got, err := ParseSpec(test.text)
		if err != nil || got != test.want {
			t.Errorf("ParseSpec(%q) = %+v, %v; want %+v", test.text, got, err, test.want)
		}
		if test.full == "" {
			test.full = test.text
		}
		if got.String() != test.full {
			t.Errorf("ParseSpec(%q) prints %q, want %q", test.text, got, test.full)
		}
	}
}

func TestParseSpecRefusesWhatIsNoSpecification(t *testing.T) {
	for _, text := range []string{
		"", "-", "-xts-plain64", ":", "aes-", "aes--plain", "aes-xts", "aes-cbc-", "aes-cbc-essiv", "aes-cbc-essiv:",
		"aes xts-plain64", "aes-xts-plain64\n", "aes-xts-plain64\x00", "xts(aes)-plain64", "aës-xts-plain64", "aes-ecb-:x",
		strings.Repeat("a", 120) + "-xts-plain64",
		"capi:", "capi:-", "capi:-plain64", "capi:aes", "capi:aes-plain64", "capi:xts(aes)", "capi:xts(aes)-", "capi:xts(aes", "capi:xts()-plain64",
		"capi:(aes)-plain64", "capi:xts(aes))-plain64", "capi:a)(b,,(c-x:y", "capi:xts(aes)x-plain64", "capi:XTS(aes)-plain64", "capi:xts(a es)-plain64",
		"capi:cbc(aes)-essiv", "capi:cbc(aes)-essiv:", "capi:cbc(aes)-plain64: ", "capi:cbc(aes)-plain64:" + strings.Repeat("x", 120),
		"capi:authenc(hmac(sha256),xts(aes))-plain64", // of which other readers cut the end off
		"capi:xts(aes-generic)-plain64", "capi:xts-aes-aesni-plain64", "capi:xts(ecb(aes-generic))-plain64", "capi:essiv(cbc(aes),sha3-256)-plain64",
	} {
		_, err := ParseSpec(text)
		var facts *SpecError
		if !errors.Is(err, ErrSpec) || !errors.As(err, &facts) || facts.Spec != text {
			t.Errorf("ParseSpec(%q): %v, want a SpecError", text, err)
		}
	}
}

func TestIsNullKnowsTheCipherThatEncryptsNothing(t *testing.T) {
	for text, want := range map[string]bool{"null": true, "cipher_null-ecb": true, "capi:ecb(cipher_null)-plain": true, "capi:xts(aes)-plain64": false, "aes-xts-plain64": false, "": false} {
		if IsNull(text) != want {
			t.Errorf("IsNull(%q) = %v", text, !want)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	for _, text := range []string{"aes", "aes-xts-plain64", "aes-cbc-essiv:sha256", "capi:x", "cipher_null-ecb", "a-b-c-d:e:f", "aes-ecb-:x", strings.Repeat("0", 117)} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpec(text)
		if err != nil {
			if !errors.Is(err, ErrSpec) && !errors.Is(err, ErrUnsupported) {
				t.Fatalf("error of no kind: %v", err)
			}
			return
		}
		again, err := ParseSpec(s.String())
		if err != nil || again != s {
			t.Fatalf("%q parsed as %+v, printed as %q, parsed as %+v, %v", text, s, s, again, err)
		}
	})
}
