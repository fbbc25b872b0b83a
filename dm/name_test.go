// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestNamesAreMangledAsLibdevmapperDoes(t *testing.T) {
	for name, want := range map[string]string{
		"home":            "home",
		"a#b+c-d.e:f=g@_": "a#b+c-d.e:f=g@_",
		"my disk":         `my\x20disk`,
		`my\x20disk`:      `my\x20disk`,
		`back\slash`:      `back\x5cslash`,
		"schlüssel":       `schl\xc3\xbcssel`,
		"a,b":             `a\x2cb`,
	} {
		got, err := Mangle(name)
		if err != nil || got != want {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
}

func TestBadNamesAreRefusedAndNeverCut(t *testing.T) {
	for _, name := range []string{
		"", "a/b", "/", "a\x00b", ".", "..", "control", `mixed \x20`,
		strings.Repeat("x", 128), strings.Repeat(" ", 32),
	} {
		got, err := Mangle(name)
		var e *NameError
		if got != "" && err == nil || !errors.Is(err, ErrName) || !errors.As(err, &e) || e.Value != name {
			t.Errorf("%q: %q, %v; want a NameError", name, got, err)
		}
	}
	if _, err := Mangle(strings.Repeat("x", 127)); err != nil {
		t.Errorf("127 bytes: %v", err)
	}
	if _, err := MangleUUID(strings.Repeat("x", 128)); err != nil {
		t.Errorf("uuid of 128 bytes: %v", err)
	}
	if _, err := MangleUUID(strings.Repeat("x", 129)); !errors.Is(err, ErrName) {
		t.Errorf("uuid of 129 bytes: %v", err)
	}
}

func TestManglingIsUndoneAndStable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.StringN(1, 20, 30).Draw(t, "name")
		kernel, err := Mangle(name)
		if err != nil {
			return
		}
		if again, err := Mangle(kernel); err != nil || again != kernel {
			t.Fatalf("%q mangles to %q, then %q, %v", name, kernel, again, err)
		}
		if name != kernel && Unmangle(kernel) != name {
			t.Fatalf("%q comes back as %q", name, Unmangle(kernel))
		}
	})
}
