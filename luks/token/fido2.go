// SPDX-License-Identifier: Apache-2.0

package token

import (
	"strconv"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

const (
	mostCredential = 1024
	fido2SaltSize  = 32
)

// FIDO2 is what a token of type systemd-fido2 says. Flags are nil where releases before 249 left them out.
type FIDO2 struct {
	Credential, Salt []byte
	RP               string // relying party; empty for io.systemd.cryptsetup
	PIN, UP, UV      *bool
}

type fido2 struct{}

// Type is systemd's name.
func (fido2) Type() string { return "systemd-fido2" }

// Kind is the word of systemd-cryptenroll.
func (fido2) Kind() string { return "fido2" }

func parseFIDO2(t luks2.Token) (FIDO2, error) {
	f := fieldsOf(t)
	if f.has("tpm2-blob") {
		f.fail("", notOne)
	}
	v := FIDO2{
		Credential: f.encoded("fido2-credential", mostCredential, true), Salt: f.encoded("fido2-salt", 1024, true),
		RP: f.text("fido2-rp", 253, false), PIN: f.flag("fido2-clientPin-required"),
		UP: f.flag("fido2-up-required"), UV: f.flag("fido2-uv-required"),
	}
	return v, f.err
}

// Show is what the plugin of systemd prints; nothing for what it refuses.
func (fido2) Show(t luks2.Token) []string {
	v, err := parseFIDO2(t)
	if err != nil {
		return nil
	}
	lines := append(below("fido2-credential:", v.Credential), dump("fido2-salt: ", v.Salt)...)
	if v.RP != "" {
		lines = append(lines, "fido2-rp:   "+v.RP)
	}
	for _, flag := range []struct {
		name string
		is   *bool
	}{{"fido2-clientPin-required:", v.PIN}, {"fido2-up-required:", v.UP}, {"fido2-uv-required:", v.UV}} {
		if flag.is != nil {
			lines = append(lines, flag.name, deep+strconv.FormatBool(*flag.is))
		}
	}
	return lines
}

// Read tells what the key asks for.
func (fido2) Read(t luks2.Token) (Facts, error) {
	v, err := parseFIDO2(t)
	if err != nil {
		return Facts{}, err
	}
	f := judging(t)
	if len(v.Credential) == 0 {
		f.fail("fido2-credential", "empty")
	}
	if len(v.Salt) != fido2SaltSize {
		f.fail("fido2-salt", noLength)
	}
	facts := factsOf(Detail{"relying party", v.RP}, Detail{"pin", when(isTrue(v.PIN), "yes")},
		Detail{"touch", when(isTrue(v.UP), "yes")}, Detail{"user verification", when(isTrue(v.UV), "yes")})
	return facts, f.err
}
