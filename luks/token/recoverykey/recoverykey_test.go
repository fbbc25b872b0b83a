// SPDX-License-Identifier: Apache-2.0

package recoverykey

import (
	"bytes"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// made are keys that systemd-cryptenroll 252 and 257 printed.
var made = []string{
	"fbfdvdcn-iujflcgr-bgrleltl-kcdllvud-ftidvdkl-lnhjtuhi-ngtttbjf-grnuirdb",
	"ghdtrgkf-vidvjrcd-ddtikiuf-jjdkrnuj-khhvjrbr-vgdgnnnf-cgtdcite-jtegvcfr",
}

func TestKeysOfSystemdAreReadInEverySpelling(t *testing.T) {
	for _, key := range made {
		for _, typed := range []string{
			key, strings.ToUpper(key), strings.ReplaceAll(key, "-", ""), strings.ToUpper(strings.ReplaceAll(key, "-", "")),
			strings.ToUpper(key[:20]) + key[20:],
		} {
			got, is, err := Read([]byte(typed))
			if err != nil || !is || string(got.Bytes()) != key {
				t.Errorf("%s: %q, %v, %v", typed, got.Bytes(), is, err)
			}
			if err := got.Close(); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestOtherPassphrasesAreLeftAlone(t *testing.T) {
	key := made[0]
	for name, typed := range map[string]string{
		"nothing":             "",
		"one letter less":     key[:len(key)-1],
		"one letter more":     key + "c",
		"a letter of no key":  "a" + key[1:],
		"a dash moved":        key[:7] + "-" + key[7:8] + key[9:],
		"blanks for dashes":   strings.ReplaceAll(key, "-", " "),
		"dashes alone":        strings.Repeat("-", Size),
		"64 digits":           strings.Repeat("7", bare),
		"64 of UTF-8":         strings.Repeat("é", bare/2),
		"a newline behind it": strings.ReplaceAll(key, "-", "") + "\n",
	} {
		if got, is, err := Read([]byte(typed)); is || err != nil || got != nil {
			t.Errorf("%s: %v, %v", name, is, err)
		}
	}
}

func TestEncodingTellsEachByte(t *testing.T) {
	key := make([]byte, bare/2)
	for i := range key {
		key[i] = byte(i*8 + i/16)
	}
	text := make([]byte, Size)
	encode(text, key)
	// The first byte is 00, the second 08, the third 10.
	if got := string(text[:8]); got != "cccjbcbj" {
		t.Errorf("%s", text)
	}
	decode := func(text []byte) []byte {
		letters := bytes.ReplaceAll(text, []byte("-"), nil)
		var out []byte
		for i := 0; i < len(letters); i += 2 {
			out = append(out, byte(strings.IndexByte(alphabet, letters[i])<<4|strings.IndexByte(alphabet, letters[i+1])))
		}
		return out
	}
	rapid.Check(t, func(t *rapid.T) {
		key := rapid.SliceOfN(rapid.Byte(), bare/2, bare/2).Draw(t, "key")
		text := make([]byte, Size)
		encode(text, key)
		if !bytes.Equal(decode(text), key) || bytes.Count(text, []byte("-")) != bare/group-1 {
			t.Fatalf("%x: %s", key, text)
		}
		if got, is, err := Read(text); err != nil || !is || !bytes.Equal(got.Bytes(), text) {
			t.Fatalf("%s is not read: %v", text, err)
		}
	})
}

func TestNewKeysDiffer(t *testing.T) {
	seen := map[string]bool{}
	for range 50 {
		key, err := New()
		if err != nil {
			t.Fatal(err)
		}
		if seen[string(key.Bytes())] {
			t.Errorf("%s twice", key.Bytes())
		}
		seen[string(key.Bytes())] = true
		if _, is, err := Read(key.Bytes()); !is || err != nil {
			t.Errorf("%s is not read: %v", key.Bytes(), err)
		}
		if err := key.Close(); err != nil {
			t.Error(err)
		}
	}
}

func FuzzRead(f *testing.F) {
	for _, key := range made {
		f.Add([]byte(key))
		f.Add([]byte(strings.ToUpper(strings.ReplaceAll(key, "-", ""))))
	}
	f.Fuzz(func(t *testing.T, typed []byte) {
		key, is, err := Read(typed)
		if err != nil {
			t.Fatal(err)
		}
		if !is {
			return
		}
		again, is, err := Read(key.Bytes())
		if err != nil || !is || !bytes.Equal(again.Bytes(), key.Bytes()) {
			t.Fatalf("%q is read as %q, which is not read as itself", typed, key.Bytes())
		}
	})
}
