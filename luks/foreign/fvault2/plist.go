// SPDX-License-Identifier: Apache-2.0

package fvault2

import (
	"bytes"
	"encoding/base64"
)

// values are the texts behind each key of that name which has one, wherever it stands.
func values(xml []byte, key string) (list [][]byte) {
	for rest := xml; ; {
		var found bool
		if rest, found = behind(rest, "<key>"+key+"</key>"); !found {
			return list
		}
		if text := element(xml, rest); len(text) > 0 {
			list = append(list, text)
		}
	}
}

// behind is what comes after a mark.
func behind(text []byte, mark string) ([]byte, bool) {
	_, rest, found := bytes.Cut(text, []byte(mark))
	return rest, found
}

// element is the text of the element that comes next, or of the one that it refers to.
func element(xml, next []byte) []byte {
	tag, rest, _ := bytes.Cut(next, []byte(">"))
	if id, refers := behind(tag, ` IDREF="`); refers {
		id, _, _ = bytes.Cut(id, []byte(`"`))
		rest, _ = behind(xml, ` ID="`+string(id)+`"`)
		rest, _ = behind(rest, ">")
	}
	text, _, _ := bytes.Cut(rest, []byte("<"))
	return bytes.TrimSpace(text)
}

// structs are the values that are base64 of so many bytes.
func structs(xml []byte, key string, size int) (list []record) {
	for _, text := range values(xml, key) {
		text = bytes.Join(bytes.Fields(text), nil)
		p, err := base64.StdEncoding.AppendDecode(nil, text)
		if err == nil && len(p) == size {
			list = append(list, p)
		}
	}
	return list
}
