// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"context"
	"os"
	"strings"
	"testing"
)

func found(_ context.Context, device string) (string, error) { return "/dev/of-" + device, nil }

func TestWordsOfVeritytabBecomeOptionsOfOpen(t *testing.T) {
	tests := map[string]string{
		"": "", "auto": "", "superblock=yes": "", "superblock=no": "--no-superblock",
		"panic-on-corruption": "--panic-on-corruption", "data-block-size=512": "--data-block-size=512",
		"fec-device=LABEL=x": "--fec-device=/dev/of-LABEL=x", "fec-roots=3": "--fec-roots=3",
		"root-hash-signature=/etc/s": "--root-hash-signature=/etc/s",
	}
	for word, want := range tests {
		got, remove, err := bootOption(t.Context(), word, found)
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", word, got, err)
			continue
		}
		remove()
		if got == "" {
			continue
		}
		if _, err := parse([]string{"veritysetup", "open", "a", "b", "c", "00", got}); err != nil {
			t.Errorf("%s: %v", word, err)
		}
	}
	for _, word := range []string{
		"trust-all", "panic-on-corruption=no", "salt=", "superblock=maybe", "root-hash-signature=base64:!",
	} {
		if got, _, err := bootOption(t.Context(), word, found); err == nil {
			t.Errorf("%s: %q, and no error", word, got)
		}
	}
}

func TestASignatureInTheOptionItselfIsAFileForAsLongAsItIsNeeded(t *testing.T) {
	got, remove, err := bootOption(t.Context(), "root-hash-signature=base64:c2lnbmVk", found)
	if err != nil {
		t.Fatal(err)
	}
	path := strings.TrimPrefix(got, "--root-hash-signature=")
	if text, err := os.ReadFile(path); err != nil || string(text) != "signed" {
		t.Errorf("%q, %v", text, err)
	}
	remove()
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
}
