// SPDX-License-Identifier: Apache-2.0

package udev

import "bytes"

// Match selects events: those whose properties equal all fields that are not empty. The zero value
// selects all.
type Match struct {
	Subsystem string
	DevType   string
	Tag       string // one of TAGS, which only udevd gives
}

// selects tells whether one of the matches fits; no matches select everything. The properties need
// not be checked yet, and nothing is allocated.
func selects(matches []Match, properties []byte) bool {
	if len(matches) == 0 {
		return true
	}
	subsystem := last(properties, "SUBSYSTEM")
	devtype := last(properties, "DEVTYPE")
	for _, m := range matches {
		if fits(m.Subsystem, subsystem) && fits(m.DevType, devtype) && (m.Tag == "" || tagged(properties, m.Tag)) {
			return true
		}
	}
	return false
}

func fits(want string, got []byte) bool { return want == "" || want == string(got) }

// last returns the value of the last property of that name.
func last(properties []byte, key string) (value []byte) {
	for len(properties) > 0 {
		var pair []byte
		pair, properties, _ = bytes.Cut(properties, []byte{0})
		if len(pair) > len(key) && pair[len(key)] == '=' && string(pair[:len(key)]) == key {
			value = pair[len(key)+1:]
		}
	}
	return value
}

// tagged looks a tag up in TAGS, ":systemd:seat:".
func tagged(properties []byte, tag string) bool {
	rest := last(properties, "TAGS")
	for len(rest) > 0 {
		var one []byte
		one, rest, _ = bytes.Cut(rest, []byte(":"))
		if string(one) == tag {
			return true
		}
	}
	return false
}
