// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"slices"
	"strconv"

	"github.com/orthrus-luks/orthrus/dm/target"
)

// FlagNoJournal is the persistent flag of the config section that is not dm-crypt's; see knownFlags for the others.
const FlagNoJournal = "no-journal"

// KeyslotsSize is the length of the keyslots area in bytes.
func (m *Metadata) KeyslotsSize() uint64 { return m.configNumber("keyslots_size") }

// JSONSize is the length of the JSON area in bytes, as recorded.
func (m *Metadata) JSONSize() uint64 { return m.configNumber("json_size") }

// SetSizes records the sizes of one copy, which is hdrSize bytes long, and of the keyslots area.
func (m *Metadata) SetSizes(hdrSize, keyslotsSize uint64) {
	m.config.set("json_size", number64(hdrSize-BinarySize))
	m.config.set("keyslots_size", number64(keyslotsSize))
}

func (m *Metadata) configNumber(key string) uint64 {
	var text string
	if decode(m.config.get(key), &text) != nil {
		return 0
	}
	n, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// Flags returns the persistent flags, unknown ones too.
func (m *Metadata) Flags() []string {
	flags, err := m.config.strings("flags")
	if err != nil {
		return nil
	}
	return flags
}

// knownFlags are the names of all persistent flags: those of dm-crypt that a header keeps, and that of integrity.
func knownFlags() []string { return append(target.EveryCryptFlag().Kept(), FlagNoJournal) }

// SetFlags replaces the known flags by those given and keeps the ones unknown here.
func (m *Metadata) SetFlags(flags []string) {
	known := knownFlags()
	kept := slices.DeleteFunc(m.Flags(), func(f string) bool { return slices.Contains(known, f) })
	if all := append(slices.Clone(flags), kept...); len(all) > 0 {
		m.config.set("flags", list(all))
		return
	}
	m.config.remove("flags")
}

// Requirements returns the mandatory requirements: what a reader must understand before it may
// use or change the volume.
func (m *Metadata) Requirements() []string {
	section := m.config.get("requirements")
	if section == nil {
		return nil
	}
	o, err := splitObject(section)
	if err != nil {
		return nil
	}
	names, err := o.strings("mandatory")
	if err != nil {
		return nil
	}
	return names
}

// Reencrypting tells that a reencryption is under way, of any version, on line or off.
func (m *Metadata) Reencrypting() bool {
	return slices.ContainsFunc(m.Requirements(), func(name string) bool {
		return isOnlineReencrypt(name) || name == "offline-reencrypt"
	})
}
