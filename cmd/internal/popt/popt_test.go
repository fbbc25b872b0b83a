// SPDX-License-Identifier: Apache-2.0

package popt

import (
	"errors"
	"testing"
)

// A zero in front makes a number neither octal nor hexadecimal: the other programs read decimal digits.
func TestNumbersAreDecimal(t *testing.T) {
	const refused = -1
	for text, want := range map[string]int64{
		"10": 10, "010": 10, "+4096": 4096, " 7": 7, "08": 8, "0": 0, "9223372036854775807": 1<<63 - 1,
		"0x10": refused, "0b1": refused, "1_000": refused, "": refused, "-1": refused, "9223372036854775808": refused,
	} {
		var n uint64
		g := &Grammar{Options: []Option{{Long: "blocks", Arg: "n", Into: &n}}, Actions: []Action{{Name: "format"}}}
		_, err := g.Parse([]string{"format", "--blocks=" + text}, func() bool { return false })
		var usage *UsageError
		switch {
		case want == refused && (!errors.As(err, &usage) || usage.Reason != BadNumber):
			t.Errorf("%q: %v, want %q", text, err, BadNumber)
		case want != refused && (err != nil || n != uint64(want)):
			t.Errorf("%q: %d, %v, want %d", text, n, err, want)
		}
	}
}
