// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"
)

// amend adds what udevd knows about a device.
func (s System) amend(properties []byte, e *Event) ([]byte, error) {
	id := databaseID(e)
	if id == "" {
		return properties, nil
	}
	record, err := readRecord(s.path("run/udev/data", id))
	if errors.Is(err, fs.ErrNotExist) {
		return properties, nil
	}
	if err != nil {
		return nil, err
	}
	return appendRecord(properties, record), nil
}

// databaseID names the record of a device: by number for nodes, by index for network interfaces, by
// name for others.
func databaseID(e *Event) string {
	if e.Major != 0 {
		kind := "c"
		if e.Subsystem == "block" {
			kind = "b"
		}
		return fmt.Sprintf("%s%d:%d", kind, e.Major, e.Minor)
	}
	if index, ok := e.Properties.Get("IFINDEX"); ok && e.Subsystem == "net" && plain(index) {
		return "n" + index
	}
	name := strings.ReplaceAll(path.Base(e.DevPath), "!", "/")
	if !plain(name) || !plain(e.Subsystem) {
		return ""
	}
	return "+" + e.Subsystem + ":" + path.Base(name)
}

// appendRecord turns a record of the database into properties, as udevadm does. One entry a line:
//
//	S:disk/by-id/virtio-a    a link below /dev
//	I:4711                   microseconds since boot when udevd first saw the device
//	E:ID_FS_TYPE=ext4        a property
//	G:systemd                a tag the device has or had, Q: one that it has
//	L:0 W:1 V:1              priority of the links, watch, version: no properties
func appendRecord(properties, record []byte) []byte {
	var links, tags, current []string
	for line := range bytes.Lines(record) {
		kind, rest, ok := bytes.Cut(bytes.TrimRight(line, "\r\n"), []byte(":"))
		if !ok || bytes.IndexByte(rest, 0) >= 0 {
			continue
		}
		value := string(rest)
		switch string(kind) {
		case "S":
			links = append(links, "/dev/"+value)
		case "G":
			tags = append(tags, value)
		case "Q":
			current = append(current, value)
		case "I":
			properties = property(properties, "USEC_INITIALIZED", value)
		case "E":
			properties = pair(properties, value)
		}
	}
	properties = list(properties, "DEVLINKS", "", strings.Join(links, " "), "")
	properties = list(properties, "TAGS", ":", strings.Join(tags, ":"), ":")
	return list(properties, "CURRENT_TAGS", ":", strings.Join(current, ":"), ":")
}

func list(properties []byte, key, before, words, after string) []byte {
	if words == "" {
		return properties
	}
	return property(properties, key, before+words+after)
}
