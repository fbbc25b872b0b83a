// SPDX-License-Identifier: Apache-2.0

package luks2

import "bytes"

// parseArea reads the JSON area of a copy: an object from the first byte on, white space as may be, then
// NUL bytes, at least one, to the end.
func parseArea(area []byte) (*Metadata, error) {
	if len(area) == 0 || area[0] != '{' {
		return nil, damaged(ErrJSON, "JSON area", "does not begin with an object")
	}
	end := bytes.IndexByte(area, 0)
	if end < 0 {
		return nil, damaged(ErrJSON, "JSON area", "no NUL byte at its end")
	}
	if filling := area[end:]; !bytes.Equal(filling[1:], filling[:len(filling)-1]) { // each as the NUL before it
		rest := bytes.TrimLeft(filling, "\x00")
		return nil, damaged(ErrJSON, "JSON area", "text behind the terminating NUL at byte %d", len(area)-len(rest))
	}
	return ParseMetadata(bytes.TrimRight(area[:end], " \t\n\r"))
}

// ParseMetadata reads the JSON text by itself. It checks the syntax only: see Validate. Surplus members of
// a kdf are left out: see Dropped.
func ParseMetadata(text []byte) (*Metadata, error) {
	if n := len(text); n == 0 || text[n-1] != '}' {
		return nil, damaged(ErrJSON, "JSON area", "does not end with the object's brace")
	}
	if err := weigh(text).excess(); err != nil {
		return nil, damaged(ErrJSON, "JSON area", "%v", err)
	}
	root, err := parseObject(text)
	if err != nil {
		return nil, damaged(ErrJSON, "JSON area", "%v", err)
	}
	m, err := newMetadata(root)
	if err != nil {
		return nil, err
	}
	m.dropSurplus()
	return m, nil
}
