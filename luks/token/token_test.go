// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/json"
	"errors"
	"os"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

func TestEachTypeHasOneHandler(t *testing.T) {
	var seen []string
	for _, h := range table {
		if h.Type() == "" || slices.Contains(seen, h.Type()) {
			t.Errorf("type %q", h.Type())
		}
		seen = append(seen, h.Type())
		if got, known := For(luks2.Token{Type: h.Type()}); !known || got != h {
			t.Errorf("%s: %v", h.Type(), got)
		}
	}
}

func TestWhatIsShownAndWhatIsUsed(t *testing.T) {
	for _, c := range []struct {
		text   string
		shown  []string
		usable bool
	}{
		{`{"type":"luks2-keyring","keyslots":["0"],"key_description":"a key"}`, []string{"Key description: a key"}, true},
		{`{"type":"systemd-recovery","keyslots":["1"]}`, nil, false},
		{`{"type":"of another tool","keyslots":[]}`, nil, false},
	} {
		var raw struct{ Type string }
		if err := json.Unmarshal([]byte(c.text), &raw); err != nil {
			t.Fatal(err)
		}
		token := luks2.Token{Type: raw.Type, Raw: json.RawMessage(c.text)}
		if got := Show(token); !slices.Equal(got, c.shown) {
			t.Errorf("%s shows %q, want %q", raw.Type, got, c.shown)
		}
		opener, err := OpenerFor(token)
		var other *TypeError
		if c.usable != (err == nil) || c.usable != (opener != nil) || !c.usable && (!errors.As(err, &other) || other.Type != raw.Type) {
			t.Errorf("%s: %v, %v", raw.Type, opener, err)
		}
	}
}

func TestAKeyringTokenGivesTheKeyItNames(t *testing.T) {
	description := "orthrus-token-test-" + t.Name()
	text, err := NewKeyring(description, []int{0, 12})
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"type":"luks2-keyring","keyslots":["0","12"],"key_description":"` + description + `"}`; string(text) != want {
		t.Fatalf("%s, want %s", text, want)
	}
	token := luks2.Token{Type: luks2.TypeKeyring, Raw: text, Keyslots: []int{0, 12}}
	opener, err := OpenerFor(token)
	if err != nil || opener.Effort(token) != Instant {
		t.Fatalf("%v", err)
	}
	if _, err := opener.Passphrase(t.Context(), token, Help{}); !errors.Is(err, ErrAbsent) {
		t.Errorf("before the key is there: %v", err)
	}
	id, err := keyring.Add(keyring.TypeUser, description, []byte("one"), keyring.Process)
	if errors.Is(err, keyring.ErrUnsupported) || errors.Is(err, os.ErrPermission) {
		return // a kernel without keyrings: that no key is there was seen above
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := keyring.Unlink(id, keyring.Process); err != nil {
			t.Error(err)
		}
	})
	passphrase, err := opener.Passphrase(t.Context(), token, Help{})
	if err != nil {
		t.Fatal(err)
	}
	defer passphrase.Close()
	if !passphrase.Equal([]byte("one")) {
		t.Error("another passphrase than that of the key")
	}
}

func TestAKeyringTokenWithoutDescriptionIsBroken(t *testing.T) {
	token := luks2.Token{Type: luks2.TypeKeyring, Raw: json.RawMessage(`{"type":"luks2-keyring","key_description":7}`)}
	if _, err := (Keyring{}).Passphrase(t.Context(), token, Help{}); !errors.Is(err, ErrBroken) {
		t.Errorf("%v", err)
	}
	if shown := Show(token); shown != nil {
		t.Errorf("shows %q", shown)
	}
}
