// SPDX-License-Identifier: Apache-2.0

package token

import (
	"encoding/hex"
	"strconv"
	"strings"
)

// What luksDump shows of systemd's tokens is what the plugins of systemd 257 make cryptsetup show, seen by giving
// them tokens. Those of 252 show the members of a TPM's token in another order, and fewer.

const (
	perLine = 16
	deep    = "            "
)

// dump lays bytes out, sixteen to a line; lines after the first are as deep as those of the plugins.
func dump(label string, p []byte) []string {
	lines := dumped(p)
	lines[0] = label + strings.TrimPrefix(lines[0], deep)
	return lines
}

// below lays bytes out below a label.
func below(label string, p []byte) []string { return append([]string{label}, dumped(p)...) }

func dumped(p []byte) (lines []string) {
	if len(p) == 0 {
		return []string{deep + "(null)"}
	}
	for at := 0; at < len(p); at += perLine {
		var words []string
		for _, b := range p[at:min(at+perLine, len(p))] {
			words = append(words, hex.EncodeToString([]byte{b}))
		}
		lines = append(lines, deep+strings.Join(words, " "))
	}
	return lines
}

// plus joins numbers as systemd writes sets of registers.
func plus(pcrs []int) string {
	words := make([]string, len(pcrs))
	for i, n := range pcrs {
		words[i] = strconv.Itoa(n)
	}
	return strings.Join(words, "+")
}

func orNone(text string) string {
	if text == "" {
		return "n/a"
	}
	return text
}
