// SPDX-License-Identifier: Apache-2.0

package relocate

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// TokenType names the token that logs a resize of the metadata area.
const TokenType = "orthrus-resize"

const (
	logVersion = "1"
	digits     = 10 // of every number
)

// The kinds of failure to use a log. A LogError wraps one of them.
var (
	ErrLogVersion = errors.New("log of an unknown version")
	ErrLog        = errors.New("malformed log")
)

// LogError says what is wrong with a log that is found in the heads. It is left alone, and so is the
// volume: nothing else is begun.
type LogError struct {
	Token int
	Kind  error
	Why   string // empty where Kind says it all
}

func (e *LogError) Error() string {
	text := fmt.Sprintf("token %d: %v", e.Token, e.Kind)
	if e.Why != "" {
		text += ": " + e.Why
	}
	return text
}

func (e *LogError) Unwrap() error { return e.Kind }

// Sizes are those of the metadata area, bytes.
type Sizes struct{ Header, Keyslots uint64 }

// End is the first byte behind the keyslots area.
func (s Sizes) End() uint64 { return 2*s.Header + s.Keyslots }

// SizesOf are those of a header copy.
func SizesOf(c luks2.Copy) Sizes { return Sizes{c.Header.Size, c.Metadata.KeyslotsSize()} }

// Log is what the heads tell of a resize under way.
type Log struct {
	To   Sizes
	Left luks2.Extent // to be wiped
	Next luks2.Extent // about to be filled
}

type logText struct {
	Type     string    `json:"type"`
	Keyslots []string  `json:"keyslots"`
	Version  string    `json:"version"`
	Size     [2]string `json:"size"`
	Left     [2]string `json:"left"`
	Next     [2]string `json:"next"`
}

// Encode returns the token's text.
func (l Log) Encode() json.RawMessage {
	pair := func(a, b uint64) [2]string {
		return [2]string{fmt.Sprintf("%0*d", digits, a), fmt.Sprintf("%0*d", digits, b)}
	}
	text, err := json.Marshal(logText{
		Type: TokenType, Keyslots: []string{}, Version: logVersion,
		Size: pair(l.To.Header, l.To.Keyslots), Left: pair(l.Left.Offset, l.Left.Size), Next: pair(l.Next.Offset,
			l.Next.Size),
	})
	if err != nil {
		panic("relocate: encoding strings: " + err.Error())
	}
	return text
}

// FindLog returns the log of a resize and the token it is kept in; found is false where there is
// none. An error is a LogError.
func FindLog(m *luks2.Metadata) (l Log, token int, found bool, err error) {
	for _, t := range m.Tokens() {
		if t.Type != TokenType {
			continue
		}
		if found {
			return Log{}, t.ID, true, &LogError{t.ID, ErrLog, "there is another one"}
		}
		if l, err = decodeLog(t); err != nil {
			return Log{}, t.ID, true, err
		}
		token, found = t.ID, true
	}
	return l, token, found, nil
}

// decodeLog accepts what Encode writes and nothing else.
func decodeLog(t luks2.Token) (Log, error) {
	var version struct {
		Version string `json:"version"`
	}
	if err := json.Unmarshal(t.Raw, &version); err != nil {
		return Log{}, &LogError{t.ID, ErrLog, err.Error()}
	}
	if version.Version != logVersion {
		return Log{}, &LogError{t.ID, ErrLogVersion, fmt.Sprintf("%.16q", version.Version)}
	}
	var raw logText
	dec := json.NewDecoder(bytes.NewReader(t.Raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&raw); err != nil {
		return Log{}, &LogError{t.ID, ErrLog, err.Error()}
	}
	if len(raw.Keyslots) != 0 {
		return Log{}, &LogError{t.ID, ErrLog, "it names keyslots"}
	}
	return raw.log(t.ID)
}

func (raw logText) log(id int) (l Log, err error) {
	for _, f := range []struct {
		text string
		to   *uint64
	}{
		{raw.Size[0], &l.To.Header},
		{raw.Size[1], &l.To.Keyslots},
		{raw.Left[0], &l.Left.Offset},
		{raw.Left[1], &l.Left.Size},
		{raw.Next[0], &l.Next.Offset},
		{raw.Next[1], &l.Next.Size},
	} {
		if *f.to, err = strconv.ParseUint(f.text, 10, 64); err != nil || len(f.text) != digits {
			return Log{}, &LogError{id, ErrLog, fmt.Sprintf("number %.16q", f.text)}
		}
	}
	return l, nil
}

// put writes the log into m, under the highest free id where it is not there yet.
func (l Log) put(m *luks2.Metadata) error {
	_, id, found, err := FindLog(m)
	if err != nil {
		return err
	}
	for candidate := luks2.MaxTokens - 1; !found; candidate-- {
		if candidate < 0 {
			return luks2.ErrNoID
		}
		if _, err := m.Token(candidate); errors.Is(err, luks2.ErrNoToken) {
			id, found = candidate, true
		}
	}
	return m.SetToken(id, l.Encode())
}

// drop removes the log from m.
func drop(m *luks2.Metadata) error {
	_, id, found, err := FindLog(m)
	if err != nil || !found {
		return err
	}
	return m.RemoveToken(id)
}
