// SPDX-License-Identifier: Apache-2.0

package far

import (
	"errors"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func anyPlace(t *rapid.T) Place {
	n := rapid.Uint64()
	return Place{n.Draw(t, "locator"), luks2.Extent{Offset: n.Draw(t, "body"), Size: n.Draw(t, "length")}}
}

func anyToken(t *rapid.T) Token {
	n := rapid.Uint64()
	return Token{
		rapid.SampledFrom(phases).Draw(t, "phase"), anyPlace(t), anyPlace(t),
		n.Draw(t, "device"), n.Draw(t, "to"), n.Draw(t, "data"), n.Draw(t, "to"), n.Draw(t, "hdr"), n.Draw(t, "keyslots"),
	}
}

func TestEveryTokenHasOneLengthAndComesBack(t *testing.T) {
	first, err := Token{Phase: Stable}.Encode()
	if err != nil || len(first) > 512 {
		t.Fatalf("%d bytes, %v", len(first), err)
	}
	rapid.Check(t, func(t *rapid.T) {
		want := anyToken(t)
		text, err := want.Encode()
		if err != nil || len(text) != len(first) {
			t.Fatalf("%d bytes, %d before, %v", len(text), len(first), err)
		}
		m := luks2.NewMetadata(luks2.MinSize, 1<<20)
		if err := Put(m, want); err != nil {
			t.Fatal(err)
		}
		got, id, found, err := Find(m)
		if got != want || id != 31 || !found || err != nil {
			t.Fatalf("%+v at %d, %v", got, id, err)
		}
	})
}

func TestPhasesFitTheirField(t *testing.T) {
	for _, p := range phases {
		if len(p) > phaseSize || strings.TrimSpace(string(p)) != string(p) || p == "" {
			t.Errorf("%q", p)
		}
	}
	if _, err := (Token{Phase: "unheard of"}).Encode(); !errors.Is(err, ErrToken) {
		t.Errorf("unknown phase: %v", err)
	}
}

func TestTokensOfOthersAreLeftAlone(t *testing.T) {
	good, err := Token{Phase: Moving, DeviceSize: math.MaxUint64}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	edit := func(old, with string) string {
		if !strings.Contains(string(good), old) {
			t.Fatalf("%s lacks %s", good, old)
		}
		return strings.Replace(string(good), old, with, 1)
	}
	cases := []struct {
		name, text string
		want       error
	}{
		{"newer version", edit(`"version":"1"`, `"version":"2","more":"x"`), ErrTokenVersion},
		{"no version", edit(`"version":"1",`, ``), ErrTokenVersion},
		{"unknown phase", edit(`"moving `, `"mowing `), ErrTokenVersion},
		{"phase of another length", edit(`"moving `, `"moving`), ErrTokenVersion},
		{"more members", edit(`"version"`, `"more":1,"version"`), ErrToken},
		{"keyslots", edit(`"keyslots":[]`, `"keyslots":["0"]`), ErrToken},
		{"number as a number", edit(`"18446744073709551615"`, `18446744073709551615`), ErrToken},
		{"number too large", edit(`"18446744073709551615"`, `"18446744073709551616"`), ErrToken},
		{"short number", edit(`"18446744073709551615"`, `"1844674407370955161"`), ErrToken},
		{"sign", edit(`"18446744073709551615"`, `"+0000000000000000001"`), ErrToken},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := luks2.NewMetadata(luks2.MinSize, 1<<20)
			if err := m.SetToken(4, []byte(c.text)); err != nil {
				t.Fatal(err)
			}
			_, id, found, err := Find(m)
			if !errors.Is(err, c.want) || id != 4 || !found {
				t.Errorf("id %d, %v, %v", id, found, err)
			}
			if err := Put(m, Token{Phase: Stable}); !errors.Is(err, c.want) {
				t.Errorf("put over it: %v", err)
			}
			if err := Remove(m); !errors.Is(err, c.want) {
				t.Errorf("remove it: %v", err)
			}
		})
	}
}

func TestTheHighestFreeIDIsTaken(t *testing.T) {
	m := luks2.NewMetadata(luks2.MinSize, 1<<20)
	for _, id := range []int{31, 30, 28} {
		if err := m.SetToken(id, []byte(`{"type":"other","keyslots":[]}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Put(m, Token{Phase: Stable}); err != nil {
		t.Fatal(err)
	}
	if err := Put(m, Token{Phase: Moving}); err != nil {
		t.Fatal(err)
	}
	if got, id, _, err := Find(m); id != 29 || got.Phase != Moving || err != nil {
		t.Errorf("token %d, phase %q, %v", id, got.Phase, err)
	}
	text, _ := Token{Phase: Stable}.Encode()
	if err := m.SetToken(5, text); err != nil {
		t.Fatal(err)
	}
	if _, _, _, err := Find(m); !errors.Is(err, ErrTwoTokens) {
		t.Errorf("two: %v", err)
	}
	full := luks2.NewMetadata(luks2.MinSize, 1<<20)
	for id := range luks2.MaxTokens {
		if err := full.SetToken(id, []byte(`{"type":"other","keyslots":[]}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := Put(full, Token{Phase: Stable}); !errors.Is(err, luks2.ErrNoID) {
		t.Errorf("no id free: %v", err)
	}
}

func TestHostileTokensAreRefused(t *testing.T) {
	const from, size = 16 * mib, 512 * mib
	at := func(n uint64) Place {
		return Place{n*mib + 16*mib, luks2.Extent{Offset: n * mib, Size: 16 * mib}}
	}
	cases := []struct {
		name string
		t    Token
		want error
	}{
		{"none", Token{Phase: Stable}, nil},
		{"one", Token{Phase: Stable, Far: at(495)}, nil},
		{"two apart", Token{Phase: Moving, Far: at(200), To: at(495)}, nil},
		{"one over the other", Token{Phase: Moving, Far: at(490), To: at(495)}, ErrToken},
		{"one in place of the other", Token{Phase: Rebuilding, Far: at(490), To: at(495)}, nil},
		{"over the heads", Token{Phase: Wiping, Far: at(495), To: at(1)}, ErrPlace},
		{"beyond the end", Token{Phase: Wiping, Far: at(496)}, ErrPlace},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			if err := c.t.Check(from, size); !errors.Is(err, c.want) {
				t.Errorf("error %v", err)
			}
		})
	}
}
