// SPDX-License-Identifier: Apache-2.0

package far

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// digits is the length of every number in the token.
const digits = 20

// tokenText is the token as it stands in the JSON, members in this order.
type tokenText struct {
	Type     string    `json:"type"`
	Keyslots []string  `json:"keyslots"`
	Version  string    `json:"version"`
	Phase    string    `json:"phase"`
	Far      [3]string `json:"far"`
	To       [3]string `json:"to"`
	Device   [2]string `json:"device"`
	Data     [2]string `json:"data"`
	Resize   [2]string `json:"resize"`
}

// Encode returns the token's text, whose length is the same for every token.
func (t Token) Encode() (json.RawMessage, error) {
	if !slices.Contains(phases, t.Phase) {
		return nil, &TokenError{Kind: ErrToken, Why: fmt.Sprintf("phase %q", t.Phase)}
	}
	return json.Marshal(tokenText{
		Type: TokenType, Keyslots: []string{}, Version: strconv.Itoa(TokenVersion),
		Phase:  fmt.Sprintf("%-*s", phaseSize, t.Phase),
		Far:    placeText(t.Far),
		To:     placeText(t.To),
		Device: [2]string{number(t.DeviceSize), number(t.ToDeviceSize)},
		Data:   [2]string{number(t.DataSize), number(t.ToDataSize)},
		Resize: [2]string{number(t.HeaderSize), number(t.KeyslotsSize)},
	})
}

func placeText(p Place) [3]string {
	return [3]string{number(p.Locator), number(p.Body.Offset), number(p.Body.Size)}
}

func number(n uint64) string { return fmt.Sprintf("%0*d", digits, n) }

// decodeToken accepts what Encode writes, in any order and spacing of the members, and nothing else.
func decodeToken(token luks2.Token) (Token, error) {
	fail := func(kind error, format string, args ...any) (Token, error) {
		return Token{}, &TokenError{token.ID, kind, fmt.Sprintf(format, args...)}
	}
	var version struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(token.Raw, &version); err != nil {
		return fail(ErrToken, "%v", err)
	}
	if version.Version != strconv.Itoa(TokenVersion) {
		return fail(ErrTokenVersion, "%.16q", version.Version)
	}
	raw, err := strictly(token.Raw)
	if err != nil {
		return fail(ErrToken, "%v", err)
	}
	phase := Phase(strings.TrimRight(raw.Phase, " "))
	if len(raw.Phase) != phaseSize || !slices.Contains(phases, phase) {
		return fail(ErrTokenVersion, "phase %.20q", raw.Phase)
	}
	return raw.token(phase, token.ID)
}

// strictly decodes the members there are, all of them and no others.
func strictly(text []byte) (tokenText, error) {
	var raw tokenText
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&raw); err != nil {
		return raw, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return raw, errors.New("text behind the token")
	}
	if len(raw.Keyslots) != 0 {
		return raw, errors.New("it names keyslots")
	}
	return raw, nil
}

func (raw tokenText) token(phase Phase, id int) (Token, error) {
	t := Token{Phase: phase}
	fields := []struct {
		text string
		to   *uint64
	}{
		{raw.Far[0], &t.Far.Locator},
		{raw.Far[1], &t.Far.Body.Offset},
		{raw.Far[2], &t.Far.Body.Size},
		{raw.To[0], &t.To.Locator},
		{raw.To[1], &t.To.Body.Offset},
		{raw.To[2], &t.To.Body.Size},
		{raw.Device[0], &t.DeviceSize},
		{raw.Device[1], &t.ToDeviceSize},
		{raw.Data[0], &t.DataSize},
		{raw.Data[1], &t.ToDataSize},
		{raw.Resize[0], &t.HeaderSize},
		{raw.Resize[1], &t.KeyslotsSize},
	}
	for _, f := range fields {
		n, err := strconv.ParseUint(f.text, 10, 64)
		if err != nil || len(f.text) != digits {
			return Token{}, &TokenError{id, ErrToken, fmt.Sprintf("number %.24q", f.text)}
		}
		*f.to = n
	}
	return t, nil
}
