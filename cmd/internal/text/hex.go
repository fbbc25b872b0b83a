// SPDX-License-Identifier: Apache-2.0

package text

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/printable"
	"github.com/orthrus-luks/orthrus/dm/secret"
)

const bytesPerLine = 16

// hexLines renders public bytes, a blank behind each and sixteen on a line; indent starts the lines
// after the first.
func hexLines(p []byte, indent string) printable.Block {
	var b strings.Builder
	for i, x := range p {
		if i > 0 && i%bytesPerLine == 0 {
			b.WriteString("\n" + indent)
		}
		fmt.Fprintf(&b, "%02x ", x)
	}
	return printable.Block(b.String())
}

// secretHex does the same for a secret, which never becomes a string, with so many bytes on a line.
func secretHex(key []byte, perLine int, indent string) (*secret.Buffer, error) {
	out, err := secret.New(len(key)*3 + len(key)/perLine*(1+len(indent)) + 1)
	if err != nil {
		return nil, err
	}
	p, n := out.Bytes(), 0
	for i := range key {
		if i > 0 && i%perLine == 0 {
			n += copy(p[n:], "\n")
			n += copy(p[n:], indent)
		}
		n += hex.Encode(p[n:], key[i:i+1])
		n += copy(p[n:], " ")
	}
	n += copy(p[n:], "\n")
	out.Truncate(n)
	return out, nil
}
