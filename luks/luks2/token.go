// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Token is one entry of the tokens section. Raw is its whole compact text; what a type means is
// not the format's business.
type Token struct {
	ID       int
	Type     string
	Keyslots []int
	Raw      json.RawMessage
}

// Within tells whether a token has keyslots, and none but these.
func (t Token) Within(ids []int) bool {
	besides := func(id int) bool { return !slices.Contains(ids, id) }
	return len(t.Keyslots) > 0 && !slices.ContainsFunc(t.Keyslots, besides)
}

// TypeKeyring is the built-in token type: a passphrase kept in the kernel's keyring.
const TypeKeyring = "luks2-keyring"

// KeyringDescription returns the key's description of a "luks2-keyring" token.
func (t Token) KeyringDescription() (string, bool) {
	var raw struct {
		Description string `json:"key_description"`
	}
	if t.Type != TypeKeyring || decode(t.Raw, &raw) != nil {
		return "", false
	}
	return raw.Description, true
}

// Tokens returns every token in the order of the text.
func (m *Metadata) Tokens() []Token {
	var tokens []Token
	for _, id := range m.tokens.ids() {
		if t, err := decodeToken(id, m.tokens.byID(id)); err == nil {
			tokens = append(tokens, t)
		}
	}
	return tokens
}

// Token returns the token of that id, or ErrNoToken.
func (m *Metadata) Token(id int) (Token, error) {
	text := m.tokens.byID(id)
	if text == nil {
		return Token{}, fmt.Errorf("token %d: %w", id, ErrNoToken)
	}
	return decodeToken(id, text)
}

func decodeToken(id int, text json.RawMessage) (Token, error) {
	var raw struct {
		Type     string   `json:"type"`
		Keyslots []string `json:"keyslots"`
	}
	if err := decode(text, &raw); err != nil {
		return Token{}, fmt.Errorf("token %d: %w", id, err)
	}
	return Token{ID: id, Type: raw.Type, Keyslots: numbers(raw.Keyslots), Raw: appendCompact(nil, text)}, nil
}

// FreeTokenID returns the lowest free id, or ErrNoID.
func (m *Metadata) FreeTokenID() (int, error) { return m.tokens.freeID(MaxTokens) }

// SetToken writes the token's text at id, in place where it exists. Validate decides whether the
// text is a token.
func (m *Metadata) SetToken(id int, text json.RawMessage) error {
	if id < 0 || id >= MaxTokens {
		return fmt.Errorf("token %d: %w", id, ErrNoID)
	}
	if _, err := parseObject(text); err != nil {
		return broken(fmt.Sprintf("tokens.%d", id), "%v", err)
	}
	m.tokens.set(strconv.Itoa(id), text)
	return nil
}

// RemoveToken drops the token.
func (m *Metadata) RemoveToken(id int) error {
	name := strconv.Itoa(id)
	if m.tokens.get(name) == nil {
		return fmt.Errorf("token %d: %w", id, ErrNoToken)
	}
	m.tokens.remove(name)
	return nil
}

// AssignToken adds a keyslot to the token's list, where it may be already: ErrNoToken, or
// ErrNoKeyslot for a keyslot that does not exist.
func (m *Metadata) AssignToken(token, keyslot int) error {
	t, err := m.Token(token)
	if err != nil {
		return err
	}
	if _, err := m.Keyslot(keyslot); err != nil {
		return err
	}
	if slices.Contains(t.Keyslots, keyslot) {
		return nil
	}
	return m.tokens.edit(strconv.Itoa(token), func(o *object) error {
		o.set("keyslots", list(names(append(t.Keyslots, keyslot))))
		return nil
	})
}

// UnassignToken takes a keyslot out of the token's list: ErrNoToken, or ErrNoKeyslot where it is not
// in there.
func (m *Metadata) UnassignToken(token, keyslot int) error {
	t, err := m.Token(token)
	if err != nil {
		return err
	}
	if !slices.Contains(t.Keyslots, keyslot) {
		return fmt.Errorf("token %d: keyslot %d: %w", token, keyslot, ErrNoKeyslot)
	}
	return m.tokens.edit(strconv.Itoa(token), func(o *object) error {
		o.set("keyslots", list(names(slices.DeleteFunc(t.Keyslots, func(id int) bool { return id == keyslot }))))
		return nil
	})
}
