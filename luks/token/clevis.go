// SPDX-License-Identifier: Apache-2.0

package token

import "github.com/orthrus-luks/orthrus/luks/luks2"

// clevis tokens hold a JWE whose plaintext is the passphrase.
type clevis struct{}

// Type is clevis' name.
func (clevis) Type() string { return "clevis" }

// Kind is its name, too.
func (clevis) Kind() string { return "clevis" }

// Show has nothing to say: clevis has no plugin for cryptsetup.
func (clevis) Show(luks2.Token) []string { return nil }

// Read tells the pin, and what it was told.
func (clevis) Read(t luks2.Token) (Facts, error) {
	f := fieldsOf(t)
	j := parseJWE(f.within("jwe"))
	if f.err != nil {
		return Facts{}, f.err
	}
	return factsOf(Detail{"pin", j.String()}), nil
}
