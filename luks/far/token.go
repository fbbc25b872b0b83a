// SPDX-License-Identifier: Apache-2.0

package far

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// TokenType names the token among those of other tools.
const TokenType = "orthrus-far"

// TokenVersion is the only version there is.
const TokenVersion = 1

// The kinds of failure to use a token. A TokenError wraps one of them.
var (
	ErrTokenVersion = errors.New("token of an unknown version")
	ErrToken        = errors.New("malformed token")
	ErrTwoTokens    = errors.New("more than one token")
)

// TokenError says what is wrong with the far header's token.
type TokenError struct {
	ID   int
	Kind error
	Why  string // empty where Kind says it all
}

func (e *TokenError) Error() string {
	text := fmt.Sprintf("far header token %d: %v", e.ID, e.Kind)
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

func (e *TokenError) Unwrap() error { return e.Kind }

// Token is what the heads know of the far header: where it is, and what is being done. Bytes.
type Token struct {
	Phase        Phase
	Far          Place  // in force; none where there is no far header
	To           Place  // being made or cleared; none otherwise
	DeviceSize   uint64 // when the volume was last stable
	ToDeviceSize uint64 // what the transaction works for; 0 without one
	DataSize     uint64 // of the data segment when the volume was last stable
	ToDataSize   uint64 // what the transaction works for; 0 without one
	// What a resize of the metadata area works for; 0 without one.
	HeaderSize, KeyslotsSize uint64
}

// Places lists the places that the token names.
func (t Token) Places() []Place {
	var list []Place
	for _, p := range []Place{t.Far, t.To} {
		if !p.None() {
			list = append(list, p)
		}
	}
	return list
}

// Check treats the token as hostile: each place it names lies behind byte `from`, where the data
// begins, and on the device, and the two do not overlap unless one replaces the other. Errors are
// PlaceError and TokenError.
func (t Token) Check(from, deviceSize uint64) error {
	for _, p := range t.Places() {
		if err := p.Check(from, deviceSize); err != nil {
			return err
		}
	}
	if t.Phase != Rebuilding && !t.Far.None() && !t.To.None() && t.Far.Overlaps(t.To) {
		return &TokenError{Kind: ErrToken, Why: "its two places overlap"}
	}
	return nil
}

// Find returns the far header's token and its id. found is false where there is none. An error means
// that there is one which must be left alone: a TokenError.
func Find(m *luks2.Metadata) (t Token, id int, found bool, err error) {
	for _, token := range m.Tokens() {
		if token.Type != TokenType {
			continue
		}
		if found {
			return Token{}, token.ID, true, &TokenError{token.ID, ErrTwoTokens, ""}
		}
		if t, err = decodeToken(token); err != nil {
			return Token{}, token.ID, true, err
		}
		id, found = token.ID, true
	}
	return t, id, found, nil
}

// Put writes the token into m: in the place of the one that is there, else under the highest free
// id. It fails with luks2.ErrNoID where all ids are taken, or with a TokenError.
func Put(m *luks2.Metadata, t Token) error {
	_, id, found, err := Find(m)
	if err != nil {
		return err
	}
	if !found {
		if id, err = highestFreeID(m); err != nil {
			return err
		}
	}
	text, err := t.Encode()
	if err != nil {
		return err
	}
	return m.SetToken(id, text)
}

// Remove drops the token; without one there is nothing to do.
func Remove(m *luks2.Metadata) error {
	_, id, found, err := Find(m)
	if err != nil || !found {
		return err
	}
	return m.RemoveToken(id)
}

func highestFreeID(m *luks2.Metadata) (int, error) {
	for id := luks2.MaxTokens - 1; id >= 0; id-- {
		if _, err := m.Token(id); errors.Is(err, luks2.ErrNoToken) {
			return id, nil
		}
	}
	return 0, luks2.ErrNoID
}
