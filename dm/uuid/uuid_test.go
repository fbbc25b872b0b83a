// SPDX-License-Identifier: Apache-2.0

package uuid_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/uuid"
)

func TestRandomOnesAreOfVersionFour(t *testing.T) {
	seen := map[string]bool{}
	for range 100 {
		text := uuid.New()
		if !uuid.Valid(text) || text[14] != '4' || !strings.Contains("89ab", text[19:20]) || seen[text] {
			t.Fatal(text)
		}
		seen[text] = true
	}
}

func TestTheySayWhatTheyAreMadeOf(t *testing.T) {
	got, err := uuid.From(bytes.NewReader(bytes.Repeat([]byte{0xff}, 16)))
	if err != nil || got != "ffffffff-ffff-4fff-bfff-ffffffffffff" {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := uuid.From(bytes.NewReader([]byte{1})); err == nil {
		t.Error("made of too little")
	}
}

func TestDashesComeAndGo(t *testing.T) {
	const text = "11111111-2222-4333-8444-55555555abcd"
	if got := uuid.Bare("11111111-2222-4333-8444-55555555ABCD"); uuid.Dashed(got) != text {
		t.Error(got)
	}
	if got := uuid.Dashed("short"); got != "short" {
		t.Error(got)
	}
	for _, wrong := range []string{"", text[1:], text + "0", strings.ToUpper(text), strings.ReplaceAll(text, "-", "0")} {
		if uuid.Valid(wrong) {
			t.Error(wrong)
		}
	}
}
