// SPDX-License-Identifier: Apache-2.0

// Package fstab reads fstab(5), and the lines that it shares with crypttab(5): fields between blanks, in
// which a blank is written \040, and comments that begin with #.
//
//	source  mount-point  type  options  dump  pass
package fstab

import (
	"fmt"
	"strings"
)

// MaxSize bounds a table of this form, and what else there is to read of its size, bytes.
const MaxSize = 1 << 20

// Mount is one line of the file.
type Mount struct {
	Source  string // a path, or UUID=… and its like
	Point   string
	Type    string // "" where the line ends before it
	Options string // with commas
}

// Parse reads a table. Lines without a mount point are passed over.
func Parse(text string) []Mount {
	var all []Mount
	for line := range strings.Lines(WithoutMark(text)) {
		f := Fields(line)
		if len(f) < 2 {
			continue
		}
		f = append(f, "", "")
		all = append(all, Mount{Source: f[0], Point: f[1], Type: f[2], Options: f[3]})
	}
	return all
}

// At is the first mount at that point; the zero value where there is none.
func At(point string, mounts []Mount) Mount {
	for _, m := range mounts {
		if m.Point == point {
			return m
		}
	}
	return Mount{}
}

// Fields cuts a line and undoes \040 and its like; a comment and an empty line have no fields.
func Fields(line string) []string {
	fields := strings.Fields(line)
	if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
		return nil
	}
	for i, f := range fields {
		fields[i] = unescape(f)
	}
	return fields
}

// WithoutMark takes off the byte order mark that some editors write.
func WithoutMark(text string) string { return strings.TrimPrefix(text, "\ufeff") }

// Escape writes a field so that Fields reads it as it is.
func Escape(field string) string {
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		_, escape := octal(field[i:])
		if strings.IndexByte(" \t\n\v\f\r#", field[i]) >= 0 && (field[i] != '#' || i == 0) || escape {
			fmt.Fprintf(&b, `\%03o`, field[i])
			continue
		}
		b.WriteByte(field[i])
	}
	return b.String()
}

// unescape undoes \040 and its like; any other backslash stays.
func unescape(field string) string {
	if !strings.Contains(field, `\`) {
		return field
	}
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		if n, ok := octal(field[i:]); ok {
			b.WriteByte(n)
			i += 3
			continue
		}
		b.WriteByte(field[i])
	}
	return b.String()
}

func octal(s string) (byte, bool) {
	if len(s) < 4 || s[0] != '\\' {
		return 0, false
	}
	n := 0
	for _, digit := range []byte(s[1:4]) {
		if digit < '0' || digit > '7' {
			return 0, false
		}
		n = n*8 + int(digit-'0')
	}
	return byte(n), n < 256
}
