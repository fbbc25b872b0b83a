// SPDX-License-Identifier: Apache-2.0

package token

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Keyring tokens name a passphrase in the kernel's keyring.
type Keyring struct{}

// Type is luks2.TypeKeyring.
func (Keyring) Type() string { return luks2.TypeKeyring }

// Kind is a word of our own.
func (Keyring) Kind() string { return "keyring" }

// Read tells the key's name.
func (Keyring) Read(t luks2.Token) (Facts, error) {
	f := fieldsOf(t)
	return factsOf(Detail{"key", f.text("key_description", mostText, true)}), f.err
}

// Show names the key.
func (Keyring) Show(t luks2.Token) []string {
	description, found := t.KeyringDescription()
	if !found {
		return nil
	}
	return []string{"Key description: " + description}
}

// Effort is Instant.
func (Keyring) Effort(luks2.Token) Effort { return Instant }

// Passphrase reads the key: ErrAbsent, with the keyring's error, where it is not there.
func (Keyring) Passphrase(_ context.Context, t luks2.Token, _ Help) (*secret.Buffer, error) {
	description, found := t.KeyringDescription()
	if !found {
		return nil, ErrBroken
	}
	passphrase, err := keyring.Passphrase(description)
	if errors.Is(err, keyring.ErrNoKey) || errors.Is(err, keyring.ErrUnsupported) {
		err = &absentError{err}
	}
	return passphrase, err
}

// absentError is the error of what is not there; ErrAbsent is its kind, not a part of its words.
type absentError struct{ cause error }

func (e *absentError) Error() string { return e.cause.Error() }

func (e *absentError) Unwrap() []error { return []error{ErrAbsent, e.cause} }

// NewKeyring is the text of a token that names a key for keyslots.
func NewKeyring(description string, keyslots []int) (json.RawMessage, error) {
	names := make([]string, len(keyslots))
	for i, id := range keyslots {
		names[i] = strconv.Itoa(id)
	}
	return json.Marshal(struct {
		Type        string   `json:"type"`
		Keyslots    []string `json:"keyslots"`
		Description string   `json:"key_description"`
	}{luks2.TypeKeyring, names, description})
}
