// SPDX-License-Identifier: Apache-2.0

package token

import (
	_ "embed"
	"encoding/json"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/luks/luks2"
)

//go:embed testdata/shown-by-systemd-257.txt
var recorded string

// record is a token, and what was seen of it.
type record struct {
	name     string
	imported bool // the plugin lets it be written
	text     string
	shown    []string
}

func records(t *testing.T) (list []record) {
	t.Helper()
	for _, part := range strings.Split(recorded, "\n== ")[1:] {
		lines := strings.Split(strings.TrimSuffix(part, "\n"), "\n")
		name, verdict, _ := strings.Cut(lines[0], " ")
		r := record{name: name, imported: verdict == "ok", text: lines[1]}
		for _, line := range lines[3 : len(lines)-1] {
			r.shown = append(r.shown, strings.TrimPrefix(line, "\t"))
		}
		list = append(list, r)
	}
	if len(list) < 30 {
		t.Fatalf("%d records", len(list))
	}
	return list
}

func tokenOf(t testing.TB, text string) luks2.Token {
	t.Helper()
	var raw struct{ Type string }
	if err := json.Unmarshal([]byte(text), &raw); err != nil {
		t.Fatal(err)
	}
	return luks2.Token{Type: raw.Type, Raw: json.RawMessage(text), Keyslots: []int{0}}
}

// stricter are tokens of which the plugins show, and partly use, what is refused here.
var stricter = map[string]string{"fido2-word": `"true" is no boolean`}

func TestTokensAreShownAsByThePluginsOfSystemd(t *testing.T) {
	for _, r := range records(t) {
		got := strings.Join(Show(tokenOf(t, r.text)), "\n")
		if _, differs := stricter[r.name]; differs {
			r.shown = nil
		}
		if want := strings.Join(r.shown, "\n"); got != want {
			t.Errorf("%s is shown as\n%s\nnot as\n%s", r.name, got, want)
		}
	}
}

// malformed are tokens that the plugins let be written and that no TPM, key or card could be given.
var malformed = []string{
	"tpm2-248", "tpm2-pin-251", "tpm2-signed-257", "tpm2-shards-257", "tpm2-pcrs-unsorted", "tpm2-bank-upper",
	"tpm2-hash-upper", "tpm2-hash-short", "tpm2-argon2-262", "tpm2-blob-empty", "tpm2-blob-empty-list", "clevis",
}

func TestWhatThePluginsRefuseIsRefused(t *testing.T) {
	loose := map[string]bool{}
	for _, name := range malformed {
		loose[name] = true
	}
	for _, r := range records(t) {
		_, err := Read(tokenOf(t, r.text))
		if want := r.imported && !loose[r.name]; (err == nil) != want {
			t.Errorf("%s: %v", r.name, err)
		}
	}
}
