// SPDX-License-Identifier: Apache-2.0

package cli

import "testing"

func TestSizesRoundTripThroughTheirSuffixes(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "7": 7, "1s": 512, "3S": 1536, "1k": 1024, "1K": 1024, "2KiB": 2048, "2kB": 2000,
		"1m": 1 << 20, "1MB": 1e6, "1g": 1 << 30, "1GB": 1e9, "1t": 1 << 40, "1TB": 1e12, "16777215TiB": 16777215 << 40,
	} {
		if got, ok := ParseSize(text); !ok || got != want {
			t.Errorf("%s: %d %v, want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{
		"", "k", "1p", "1kb", "1 k", "-1", "+1", "1.5k", "0x10", "16777216t",
		"99999999999999999999", "1kiB ", "1ss",
	} {
		if got, ok := ParseSize(text); ok {
			t.Errorf("%q read as %d", text, got)
		}
	}
}
