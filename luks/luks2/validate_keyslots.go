// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"slices"
	"strings"
)

// checkKeyslots: what keyslots of every type have in common.
func checkKeyslots(m *Metadata, _ uint64) error {
	return m.scope("keyslots", m.keyslots).each(func(_ string, slot scope) error {
		_, typeErr := slot.field("type").name()
		_, sizeErr := slot.field("key_size").uint32()
		if err := all(typeErr, sizeErr); err != nil {
			return err
		}
		if slot.has("priority") {
			if _, err := slot.field("priority").integer(); err != nil {
				return err
			}
		}
		area, err := slot.field("area").object()
		if err != nil {
			return err
		}
		_, kindErr := area.field("type").string()
		_, offsetErr := area.field("offset").uint64()
		_, lengthErr := area.field("size").uint64()
		return all(kindErr, offsetErr, lengthErr)
	})
}

// checkKeyslotTypes: what the two known types have of their own.
func checkKeyslotTypes(m *Metadata, _ uint64) error {
	reencrypting := 0
	err := m.scope("keyslots", m.keyslots).each(func(id string, slot scope) error {
		kind, err := slot.field("type").string()
		if err != nil {
			return err
		}
		switch kind {
		case TypeLUKS2:
			return all(checkLUKS2Keyslot(slot), m.checkOneDigest(id))
		case TypeReencrypt:
			reencrypting++
			return checkReencryptKeyslot(slot)
		}
		return nil
	})
	if err != nil {
		return err
	}
	return m.checkReencryption(reencrypting)
}

func checkLUKS2Keyslot(slot scope) error {
	kdf, kdfErr := slot.field("kdf").object()
	af, afErr := slot.field("af").object()
	area, areaErr := slot.field("area").object()
	if err := all(kdfErr, afErr, areaErr); err != nil {
		return err
	}
	return all(checkKDF(kdf), checkAF(af), checkRawArea(area))
}

// checkKDF: known types have exactly their members; unknown types load and cannot be opened.
func checkKDF(kdf scope) error {
	kind, typeErr := kdf.field("type").string()
	_, saltErr := kdf.field("salt").string()
	if err := all(typeErr, saltErr); err != nil {
		return err
	}
	switch kind {
	case "pbkdf2":
		_, hashErr := kdf.field("hash").string()
		_, iterationsErr := kdf.field("iterations").uint32()
		return all(kdf.onlyKeys(kdfMembers(kind)...), hashErr, iterationsErr)
	case "argon2i", "argon2id":
		_, timeErr := kdf.field("time").uint32()
		_, memoryErr := kdf.field("memory").uint32()
		_, cpusErr := kdf.field("cpus").uint32()
		return all(kdf.onlyKeys(kdfMembers(kind)...), timeErr, memoryErr, cpusErr)
	}
	return nil
}

func checkAF(af scope) error {
	kind, typeErr := af.field("type").string()
	if typeErr != nil {
		return typeErr
	}
	if kind != "luks1" {
		return broken(af.path+".type", "%s is unknown", abridged([]byte(kind)))
	}
	_, hashErr := af.field("hash").string()
	_, stripesErr := af.field("stripes").uint32()
	return all(hashErr, stripesErr)
}

func checkRawArea(area scope) error {
	kind, typeErr := area.field("type").string()
	if typeErr != nil {
		return typeErr
	}
	if kind != "raw" {
		return broken(area.path+".type", "%s is unknown", abridged([]byte(kind)))
	}
	_, encryptionErr := area.field("encryption").string()
	_, sizeErr := area.field("key_size").uint32()
	return all(encryptionErr, sizeErr)
}

// checkOneDigest: a keyslot that holds a key is verified by exactly one digest.
func (m *Metadata) checkOneDigest(id string) error {
	count := 0
	for _, entry := range m.digests.members {
		o, err := splitObject(entry.value)
		if err != nil {
			return broken("digests."+entry.key, "%v", err)
		}
		linked, err := o.strings("keyslots")
		if err != nil {
			return err
		}
		if slices.Contains(linked, id) {
			count++
		}
	}
	if count != 1 {
		return broken("keyslots."+id, "listed by %d digests", count)
	}
	return nil
}

func checkReencryptKeyslot(slot scope) error {
	size, sizeErr := slot.field("key_size").uint32()
	mode, modeErr := slot.field("mode").string()
	direction, directionErr := slot.field("direction").string()
	area, areaErr := slot.field("area").object()
	if err := all(sizeErr, modeErr, directionErr, areaErr); err != nil {
		return err
	}
	if size != 1 {
		return broken(slot.path+".key_size", "%d, must be 1", size)
	}
	if !slices.Contains([]string{"encrypt", "decrypt", "reencrypt"}, mode) {
		return broken(slot.path+".mode", "%s is unknown", abridged([]byte(mode)))
	}
	if direction != "forward" && direction != "backward" {
		return broken(slot.path+".direction", "%s is unknown", abridged([]byte(direction)))
	}
	return checkResilience(area)
}

func checkResilience(area scope) error {
	kind, err := area.field("type").string()
	if err != nil {
		return err
	}
	known := []string{"none", "checksum", "journal", "datashift", "datashift-checksum", "datashift-journal"}
	if !slices.Contains(known, kind) {
		return broken(area.path+".type", "%s is unknown", abridged([]byte(kind)))
	}
	if strings.HasSuffix(kind, "checksum") {
		return checkChecksumArea(area)
	}
	if strings.HasPrefix(kind, "datashift") {
		shift, err := area.field("shift_size").uint64()
		if err == nil && (shift == 0 || shift%512 != 0) {
			return broken(area.path+".shift_size", "%d", shift)
		}
		return err
	}
	return nil
}

func checkChecksumArea(area scope) error {
	_, hashErr := area.field("hash").string()
	size, sizeErr := area.field("sector_size").uint32()
	if err := all(hashErr, sizeErr); err != nil {
		return err
	}
	if size < 512 || size&(size-1) != 0 {
		return broken(area.path+".sector_size", "%d", size)
	}
	return nil
}

// checkReencryption: keyslot and requirement come together.
func (m *Metadata) checkReencryption(keyslots int) error {
	requirements := m.Requirements()
	required := slices.ContainsFunc(requirements, isOnlineReencrypt)
	switch {
	case keyslots > 1:
		return broken("keyslots", "%d of type reencrypt", keyslots)
	case keyslots == 1 && !required:
		return broken("keyslots", "type reencrypt without its requirement")
	case keyslots == 0 && knownReencrypt(requirements):
		return broken("config.requirements", "reencryption without its keyslot")
	}
	return nil
}
