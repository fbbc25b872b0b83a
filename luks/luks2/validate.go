// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"slices"
	"strconv"
	"strings"
)

// check is one named rule set; the order is that of cryptsetup, so that the first complaint about
// a broken header is comparable.
type check struct {
	name string
	run  func(m *Metadata, hdrSize uint64) error
}

func checks() []check {
	return []check{
		{"depth", checkWeight},
		{"names", checkNames},
		{"requirements", checkRequirements},
		{"tokens", checkTokens},
		{"digests", checkDigests},
		{"segments", checkSegments},
		{"keyslots", checkKeyslots},
		{"config", checkConfig},
		{"areas", checkAreas},
		{"json size", checkJSONSize},
		{"keyslot types", checkKeyslotTypes},
	}
}

// Validate holds the metadata against every rule of the format for a header of hdrSize bytes. The
// error is a DamageError that names the first member that breaks one.
func (m *Metadata) Validate(hdrSize uint64) error {
	for _, c := range checks() {
		if err := c.run(m, hdrSize); err != nil {
			return err
		}
	}
	return nil
}

func checkWeight(m *Metadata, _ uint64) error {
	if err := weigh(m.Text()).excess(); err != nil {
		return damaged(ErrJSON, "JSON area", "%v", err)
	}
	return nil
}

// checkNames: entries of the first four sections are named by digits.
func checkNames(m *Metadata, _ uint64) error {
	for _, section := range m.sections()[:4] {
		for _, entry := range (*section.at).members {
			if !digitsOnly(entry.key) {
				return broken(section.name, "name %s is not a number", abridged([]byte(entry.key)))
			}
		}
	}
	return nil
}

func checkRequirements(m *Metadata, _ uint64) error {
	config := m.scope("config", m.config)
	if !config.has("requirements") {
		return nil
	}
	section, err := config.field("requirements").object()
	if err != nil || !section.has("mandatory") {
		return err
	}
	mandatory, err := section.field("mandatory").names()
	if err != nil {
		return err
	}
	online := 0
	for _, name := range mandatory {
		if isOnlineReencrypt(name) {
			online++
		}
	}
	if online > 1 {
		return broken("config.requirements.mandatory", "%d reencryption requirements", online)
	}
	return nil
}

const onlineReencrypt = "online-reencrypt"

// isOnlineReencrypt: "online-reencrypt" or "online-reencrypt-v<digits>".
func isOnlineReencrypt(name string) bool {
	rest, found := strings.CutPrefix(name, onlineReencrypt)
	if !found {
		return false
	}
	version, versioned := strings.CutPrefix(rest, "-v")
	return rest == "" || versioned && digitsOnly(version)
}

// knownReencrypt: one of the versions whose segments have rules.
func knownReencrypt(requirements []string) bool {
	return slices.ContainsFunc(requirements, func(r string) bool {
		return r == onlineReencrypt || r == onlineReencrypt+"-v2" || r == onlineReencrypt+"-v3"
	})
}

func checkTokens(m *Metadata, _ uint64) error {
	return m.scope("tokens", m.tokens).each(func(_ string, token scope) error {
		kind, err := token.field("type").name()
		if err != nil {
			return err
		}
		if err := m.checkLinks(token, "keyslots", m.keyslots); err != nil {
			return err
		}
		if kind != TypeKeyring {
			return nil
		}
		if err := token.onlyKeys("type", "keyslots", "key_description"); err != nil {
			return err
		}
		_, err = token.field("key_description").name()
		return err
	})
}

// checkLinks: a list of strings, each of which names a member of the section.
func (m *Metadata) checkLinks(from scope, key string, to *object) error {
	linked, err := from.field(key).names()
	if err != nil {
		return err
	}
	for _, name := range linked {
		if to.get(name) == nil {
			return broken(from.path+"."+key, "%s does not exist", abridged([]byte(name)))
		}
	}
	return nil
}

func checkDigests(m *Metadata, _ uint64) error {
	return m.scope("digests", m.digests).each(func(_ string, digest scope) error {
		kind, err := digest.field("type").string()
		if err != nil {
			return err
		}
		err = all(m.checkLinks(digest, "keyslots", m.keyslots), m.checkLinks(digest, "segments", m.segments))
		if err != nil || kind != "pbkdf2" {
			return err
		}
		_, hashErr := digest.field("hash").string()
		_, iterationsErr := digest.field("iterations").uint32()
		_, saltErr := digest.field("salt").string()
		_, valueErr := digest.field("digest").string()
		return all(hashErr, iterationsErr, saltErr, valueErr)
	})
}

func checkConfig(m *Metadata, hdrSize uint64) error {
	config := m.scope("config", m.config)
	jsonSize, jsonErr := config.field("json_size").uint64()
	keyslotsSize, areaErr := config.field("keyslots_size").uint64()
	if err := all(jsonErr, areaErr); err != nil {
		return err
	}
	if !LegalSize(jsonSize + BinarySize) {
		return broken("config.json_size", "%d bytes is none of the nine sizes", jsonSize)
	}
	if keyslotsSize%AreaAlignment != 0 || keyslotsSize > MaxKeyslotsSize {
		return broken("config.keyslots_size", "%d bytes", keyslotsSize)
	}
	if offset := m.DataOffset(); offset != 0 && (keyslotsSize > offset ||
		offset-keyslotsSize < 2*(jsonSize+BinarySize)) {
		return broken("config.keyslots_size", "%d bytes reach into the data at %d", keyslotsSize, offset)
	}
	if config.has("flags") {
		_, err := config.field("flags").names()
		return err
	}
	return nil
}

// MaxKeyslotsSize is the largest keyslots area, bytes.
const MaxKeyslotsSize = 128 << 20

// checkJSONSize: the recorded size is the real one, and the text fits it.
func checkJSONSize(m *Metadata, hdrSize uint64) error {
	if size := m.JSONSize(); size != hdrSize-BinarySize {
		return broken("config.json_size", "%d bytes in a header with room for %d", size, hdrSize-BinarySize)
	}
	if n := uint64(len(m.Text())); n > hdrSize-BinarySize {
		return broken("JSON area", "text of %d bytes", n)
	}
	return nil
}

// checkAreas: keyslot areas of every type lie inside the keyslots area and do not overlap.
func checkAreas(m *Metadata, hdrSize uint64) error {
	whole := m.KeyslotsExtent(hdrSize)
	slots := m.Keyslots()
	for i, slot := range slots {
		path := "keyslots." + strconv.Itoa(slot.ID) + ".area"
		area := slot.Area
		if area.Size == 0 || area.End() < area.Offset {
			return broken(path, "%d bytes at %d", area.Size, area.Offset)
		}
		if area.Offset < whole.Offset || area.End() > whole.End() {
			return broken(path, "outside the keyslots area")
		}
		for _, other := range slots[:i] {
			if area.Offset < other.Area.End() && other.Area.Offset < area.End() {
				return broken(path, "overlaps keyslot %d", other.ID)
			}
		}
	}
	return nil
}
