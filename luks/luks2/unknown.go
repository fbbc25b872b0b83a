// SPDX-License-Identifier: Apache-2.0

package luks2

import "slices"

// UnknownMembers lists the paths of what this package keeps without knowing what it means: members
// that the format does not name, and flags that it does not. The contents of tokens are free.
func (m *Metadata) UnknownMembers() []string {
	list := m.root.others("", "keyslots", "tokens", "segments", "digests", "config")
	list = append(list, m.config.others("config.", "json_size", "keyslots_size", "flags", "requirements")...)
	for _, section := range []struct {
		name  string
		of    *object
		known []string
	}{
		{"keyslots", m.keyslots, []string{"type", "key_size", "af", "area", "kdf", "priority"}},
		{"segments", m.segments, []string{
			"type", "offset", "size", "iv_tweak", "encryption", "sector_size", "flags",
			"integrity",
		}},
		{"digests", m.digests, []string{"type", "keyslots", "segments", "hash", "iterations", "salt", "digest"}},
	} {
		for _, entry := range section.of.members {
			if o, err := splitObject(entry.value); err == nil {
				list = append(list, o.others(section.name+"."+entry.key+".", section.known...)...)
			}
		}
	}
	for _, flag := range m.Flags() {
		if !slices.Contains(knownFlags(), flag) {
			list = append(list, "config.flags."+flag)
		}
	}
	return list
}

// others lists the members that are not among those known.
func (o *object) others(prefix string, known ...string) []string {
	var list []string
	for _, m := range o.members {
		if !slices.Contains(known, m.key) {
			list = append(list, prefix+m.key)
		}
	}
	return list
}
