// SPDX-License-Identifier: Apache-2.0

package plan

import (
	"strconv"
	"strings"
)

// Kind says by what a Reference finds its device.
type Kind string

// The kinds of reference.
const (
	Path      Kind = "path" // a node, a link in /dev, or an image file
	UUID      Kind = "UUID"
	Label     Kind = "LABEL"
	PartUUID  Kind = "PARTUUID"
	PartLabel Kind = "PARTLABEL"
	ID        Kind = "ID"     // a name of /dev/disk/by-id
	Port      Kind = "PATH"   // a name of /dev/disk/by-path
	Serial    Kind = "SERIAL" // the serial number of a disk
	Beginning Kind = "UUID…"  // of the uuid of a LUKS volume, in lower case
	// Signature is a partition with the signature of a root hash, of which the value is USAGE:DIGITS: root or usr, or
	// nothing for either, and the first digits of the hash in lower case, or none for any.
	Signature Kind = "SIGNATURE"
)

// Reference names a device that may not be there yet. The zero value names none.
type Reference struct {
	Kind  Kind
	Value string
}

// byFolder are the folders of udev's links.
var byFolder = []struct {
	folder string
	kind   Kind
}{
	{"/dev/disk/by-uuid/", UUID},
	{"/dev/disk/by-label/", Label},
	{"/dev/disk/by-partuuid/", PartUUID},
	{"/dev/disk/by-partlabel/", PartLabel},
	{"/dev/disk/by-id/", ID},
	{"/dev/disk/by-path/", Port},
}

// ParseReference reads UUID=…, LABEL=… and their like, whose value may stand in double quotes, a path,
// or one of udev's links in /dev/disk, which is taken for what it stands for: so it is found where no
// udevd makes links, too.
func ParseReference(text string) Reference {
	if name, value, found := strings.Cut(text, "="); found {
		switch kind := Kind(strings.ToUpper(name)); kind {
		case UUID, Label, PartUUID, PartLabel, ID, Serial:
			return Reference{kind, unquote(value)}
		}
	}
	for _, by := range byFolder {
		if name, found := strings.CutPrefix(text, by.folder); found && name != "" && !strings.Contains(name, "/") {
			return Reference{by.kind, decodeLink(name)}
		}
	}
	if text == "" {
		return Reference{}
	}
	return Reference{Path, text}
}

func unquote(text string) string {
	if len(text) > 1 && (text[0] == '"' || text[0] == '\'') && text[len(text)-1] == text[0] {
		return text[1 : len(text)-1]
	}
	return text
}

// decodeLink undoes \x20 and its like.
func decodeLink(name string) string {
	var b strings.Builder
	for i := 0; i < len(name); i++ {
		if strings.HasPrefix(name[i:], `\x`) && len(name) >= i+4 {
			if c, err := strconv.ParseUint(name[i+2:i+4], 16, 8); err == nil {
				b.WriteByte(byte(c))
				i += 3
				continue
			}
		}
		b.WriteByte(name[i])
	}
	return b.String()
}

// ofUUID refers to a LUKS volume by its uuid, or the beginning of it.
func ofUUID(uuid string) Reference {
	if len(uuid) < 36 {
		return Reference{Beginning, uuid}
	}
	return Reference{UUID, uuid}
}

// Same tells that both name a device in one way, so that it is one device without looking.
func (r Reference) Same(o Reference) bool {
	if r.Kind == UUID || r.Kind == PartUUID {
		return r.Kind == o.Kind && strings.EqualFold(r.Value, o.Value)
	}
	return r == o && !r.IsZero()
}

// IsZero tells that no device is named.
func (r Reference) IsZero() bool { return r.Kind == "" }

// String writes the reference as people know it.
func (r Reference) String() string {
	switch r.Kind {
	case Path, "":
		return r.Value
	case Beginning:
		return "UUID=" + r.Value + "…"
	case Port:
		return "/dev/disk/by-path/" + r.Value
	}
	return string(r.Kind) + "=" + r.Value
}

// MarshalText is String.
func (r Reference) MarshalText() ([]byte, error) { return []byte(r.String()), nil }
