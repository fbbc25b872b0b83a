// SPDX-License-Identifier: Apache-2.0

package block

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"unicode/utf8"
)

// diskLinks gives udev's directory of links for each tag of fstab(5) and crypttab(5).
func diskLinks(tag string) (directory string, lower, found bool) {
	switch tag {
	case "UUID":
		return "by-uuid", true, true
	case "PARTUUID":
		return "by-partuuid", true, true
	case "LABEL":
		return "by-label", false, true
	case "PARTLABEL":
		return "by-partlabel", false, true
	case "ID":
		return "by-id", false, true
	}
	return "", false, false
}

// Resolve turns UUID=, PARTUUID=, LABEL=, PARTLABEL= and ID= (upper case, the value may stand in
// quotes) into udev's link in /dev/disk, and returns any other string as it is. Where the link
// is absent the *PathError is fs.ErrNotExist; it is ErrNoDiskLinks too where the whole directory
// is, as before udev runs.
func Resolve(spec string) (string, error) { return system.resolve(spec) }

func (r root) resolve(spec string) (string, error) {
	tag, value, found := strings.Cut(spec, "=")
	directory, lower, known := diskLinks(tag)
	if !found || !known {
		return spec, nil
	}
	value = unquote(value)
	if value == "" || value == "." || value == ".." {
		return "", &PathError{Op: "resolve", Path: spec, Err: fs.ErrNotExist}
	}
	for _, name := range spellings(value, lower) {
		link := r.path("dev/disk", directory, name)
		if _, err := os.Lstat(link); err == nil {
			return link, nil
		}
	}
	return "", r.missingLink(spec, directory)
}

func (r root) missingLink(spec, directory string) error {
	missing := &PathError{Op: "resolve", Path: spec, Err: fs.ErrNotExist}
	if _, err := os.Stat(r.path("dev/disk", directory)); err != nil {
		missing.Kind = ErrNoDiskLinks
	}
	return missing
}

func unquote(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}

// spellings gives the names to look for: as written (FAT's serial numbers are upper case), then
// in lower case for the kinds that are hexadecimal.
func spellings(value string, lower bool) []string {
	names := []string{EncodeLinkName(value)}
	if small := EncodeLinkName(strings.ToLower(value)); lower && small != names[0] {
		names = append(names, small)
	}
	return names
}

// EncodeLinkName writes s as udev does in the names of links: every byte that is neither
// alphanumeric, nor one of "#+-.:=@_", nor part of a valid multi-byte UTF-8 character becomes
// \xHH.
func EncodeLinkName(s string) string {
	var out strings.Builder
	for i := 0; i < len(s); {
		_, size := utf8.DecodeRuneInString(s[i:])
		if size > 1 || plain(s[i]) {
			out.WriteString(s[i : i+size])
		} else {
			fmt.Fprintf(&out, `\x%02x`, s[i])
		}
		i += size
	}
	return out.String()
}

func plain(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("#+-.:=@_", c) >= 0
}
