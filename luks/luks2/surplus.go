// SPDX-License-Identifier: Apache-2.0

package luks2

import "slices"

// kdfMembers are what a keyslot's kdf has, by its type: known types have exactly these.
func kdfMembers(kind string) []string {
	switch kind {
	case "pbkdf2":
		return []string{"type", "salt", "hash", "iterations"}
	case "argon2i", "argon2id":
		return []string{"type", "salt", "time", "memory", "cpus"}
	}
	return nil
}

// dropSurplus takes out of memory what a kdf of a known type has besides its members, as other readers do:
// old tools left the members of the former type there when they gave a keyslot another one. The bytes on
// the disk stay until the header is written for another reason.
func (m *Metadata) dropSurplus() {
	for _, entry := range slices.Clone(m.keyslots.members) {
		slot, err := splitObject(entry.value)
		if err != nil || slot.textOf("type") != TypeLUKS2 {
			continue
		}
		kdf, err := splitObject(slot.get("kdf"))
		if err != nil {
			continue // validation says what is wrong
		}
		surplus := kdf.others("", kdfMembers(kdf.textOf("type"))...)
		if kdfMembers(kdf.textOf("type")) == nil || len(surplus) == 0 {
			continue
		}
		for _, key := range surplus {
			kdf.remove(key)
			m.dropped = append(m.dropped, "keyslots."+entry.key+".kdf."+key)
		}
		slot.set("kdf", kdf.text())
		m.keyslots.set(entry.key, slot.text())
	}
}

// textOf is a member that is a string, "" where it is missing or something else.
func (o *object) textOf(key string) string {
	s, err := unquote(o.get(key))
	if err != nil {
		return ""
	}
	return s
}

// Dropped lists the paths of members that were left out when the text was read, see dropSurplus.
func (m *Metadata) Dropped() []string { return slices.Clone(m.dropped) }
