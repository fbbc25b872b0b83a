// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
)

// Priority says when a keyslot is tried. It is the format's number less normalNumber, so that the zero value is
// what an absent member means.
type Priority int

// The priorities of the format, where they are 0, 1 and 2.
const (
	PriorityIgnore Priority = -1 // only where the keyslot is named
	PriorityNormal Priority = 0
	PriorityPrefer Priority = 1
)

const normalNumber = 1

func (p Priority) text() json.RawMessage { return number(uint64(p + normalNumber)) }

// Keyslot is one entry of the keyslots section. Of types other than "luks2" only Type, KeySize,
// Priority and the place of Area are known.
type Keyslot struct {
	ID       int
	Type     string
	KeySize  uint32 // bytes of the key it protects
	Priority Priority
	AF       AF
	Area     Area
	KDF      KDF
}

// AF is the anti-forensic split of a keyslot.
type AF struct {
	Type    string
	Stripes uint32
	Hash    string
}

// Area is where a keyslot's material lies and how it is encrypted. Bytes, from the device's start.
type Area struct {
	Type       string
	Offset     uint64
	Size       uint64
	Encryption string
	KeySize    uint32 // bytes
}

// End is the first byte behind the area.
func (a Area) End() uint64 { return a.Offset + a.Size }

// KDF is how the passphrase becomes the area's key. Its fields are those of kdf.Params.
type KDF struct {
	Type       string // "pbkdf2", "argon2i", "argon2id"
	Hash       string // pbkdf2
	Iterations uint32 // pbkdf2
	Time       uint32 // argon2
	Memory     uint32 // argon2, KiB
	CPUs       uint32 // argon2
	Salt       []byte
}

type keyslotJSON struct {
	Type     string `json:"type"`
	KeySize  uint32 `json:"key_size"`
	Priority *int   `json:"priority"`
	AF       struct {
		Type    string `json:"type"`
		Stripes uint32 `json:"stripes"`
		Hash    string `json:"hash"`
	} `json:"af"`
	Area struct {
		Type       string `json:"type"`
		Offset     uint64 `json:"offset,string"`
		Size       uint64 `json:"size,string"`
		Encryption string `json:"encryption"`
		KeySize    uint32 `json:"key_size"`
	} `json:"area"`
	KDF struct {
		Type       string `json:"type"`
		Hash       string `json:"hash"`
		Iterations uint32 `json:"iterations"`
		Time       uint32 `json:"time"`
		Memory     uint32 `json:"memory"`
		CPUs       uint32 `json:"cpus"`
		Salt       blob   `json:"salt"`
	} `json:"kdf"`
}

// keyslotPlace is the part that keyslots of every type have.
type keyslotPlace struct {
	Type     string `json:"type"`
	KeySize  uint32 `json:"key_size"`
	Priority *int   `json:"priority"`
	Area     struct {
		Type   string `json:"type"`
		Offset uint64 `json:"offset,string"`
		Size   uint64 `json:"size,string"`
	} `json:"area"`
}

// TypeLUKS2 is the keyslot type that holds a key under a passphrase.
const TypeLUKS2 = "luks2"

// TypeReencrypt is the keyslot type that holds what a reencryption needs to go on.
const TypeReencrypt = "reencrypt"

func decodeKeyslot(id int, text json.RawMessage) (Keyslot, error) {
	var place keyslotPlace
	if err := decode(text, &place); err != nil {
		return Keyslot{}, fmt.Errorf("keyslot %d: %w", id, err)
	}
	slot := Keyslot{
		ID: id, Type: place.Type, KeySize: place.KeySize, Priority: priority(place.Priority),
		Area: Area{Type: place.Area.Type, Offset: place.Area.Offset, Size: place.Area.Size},
	}
	if slot.Type != TypeLUKS2 {
		return slot, nil
	}
	var full keyslotJSON
	if err := decode(text, &full); err != nil {
		return Keyslot{}, fmt.Errorf("keyslot %d: %w", id, err)
	}
	slot.AF = AF(full.AF)
	slot.Area.Encryption, slot.Area.KeySize = full.Area.Encryption, full.Area.KeySize
	k := full.KDF
	slot.KDF = KDF{k.Type, k.Hash, k.Iterations, k.Time, k.Memory, k.CPUs, k.Salt}
	return slot, nil
}

func priority(p *int) Priority {
	if p == nil {
		return PriorityNormal
	}
	return Priority(*p - normalNumber)
}

// Keyslots returns every keyslot in the order of the text, which is the order in which they are
// tried. Metadata must be valid; an entry that does not decode is left out.
func (m *Metadata) Keyslots() []Keyslot {
	var slots []Keyslot
	for _, id := range m.keyslots.ids() {
		if slot, err := decodeKeyslot(id, m.keyslots.byID(id)); err == nil {
			slots = append(slots, slot)
		}
	}
	return slots
}

// Keyslot returns the keyslot of that id, or ErrNoKeyslot.
func (m *Metadata) Keyslot(id int) (Keyslot, error) {
	text := m.keyslots.byID(id)
	if text == nil {
		return Keyslot{}, fmt.Errorf("keyslot %d: %w", id, ErrNoKeyslot)
	}
	return decodeKeyslot(id, text)
}

// FreeKeyslotID returns the lowest free id, or ErrNoID.
func (m *Metadata) FreeKeyslotID() (int, error) { return m.keyslots.freeID(MaxKeyslots) }

// AddKeyslot puts slot, of type "luks2", behind the others. Digest and token links are separate:
// see AssignDigest.
func (m *Metadata) AddKeyslot(slot Keyslot) error {
	if slot.ID < 0 || slot.ID >= MaxKeyslots {
		return fmt.Errorf("keyslot %d: %w", slot.ID, ErrNoID)
	}
	if m.keyslots.byID(slot.ID) != nil {
		return fmt.Errorf("keyslot %d: %w", slot.ID, ErrTaken)
	}
	m.keyslots.set(strconv.Itoa(slot.ID), encodeKeyslot(slot).text())
	return nil
}

// ReplaceKeyslot gives the keyslot a new area, KDF and AF; its place among the others, its links,
// its priority and the members unknown here stay, also those inside area and AF.
func (m *Metadata) ReplaceKeyslot(slot Keyslot) error {
	text := m.keyslots.byID(slot.ID)
	if text == nil {
		return fmt.Errorf("keyslot %d: %w", slot.ID, ErrNoKeyslot)
	}
	o, err := splitObject(text)
	if err != nil {
		return broken(fmt.Sprintf("keyslots.%d", slot.ID), "%v", err)
	}
	for _, fresh := range encodeKeyslot(slot).members {
		switch fresh.key {
		case "priority":
		case "area", "af":
			if err := o.merge(fresh.key, fresh.value); err != nil {
				return err
			}
		default:
			o.set(fresh.key, fresh.value)
		}
	}
	m.keyslots.set(strconv.Itoa(slot.ID), o.text())
	return nil
}

// merge sets the members of a member, and keeps those that are not among them.
func (o *object) merge(key string, with json.RawMessage) error {
	fresh, err := splitObject(with)
	if err != nil {
		return broken(key, "%v", err)
	}
	return o.edit(key, func(old *object) error {
		for _, m := range fresh.members {
			old.set(m.key, m.value)
		}
		return nil
	})
}

// SetPriority changes a keyslot's priority; Normal is written by leaving the member out.
func (m *Metadata) SetPriority(id int, p Priority) error {
	text := m.keyslots.byID(id)
	if text == nil {
		return fmt.Errorf("keyslot %d: %w", id, ErrNoKeyslot)
	}
	o, err := splitObject(text)
	if err != nil {
		return broken(fmt.Sprintf("keyslots.%d", id), "%v", err)
	}
	if p == PriorityNormal {
		o.remove("priority")
	} else {
		o.set("priority", p.text())
	}
	m.keyslots.set(strconv.Itoa(id), o.text())
	return nil
}

// RemoveKeyslot drops the keyslot and its links from digests and tokens. The area's bytes are the
// caller's to wipe, before this is written.
func (m *Metadata) RemoveKeyslot(id int) error {
	name := strconv.Itoa(id)
	if m.keyslots.get(name) == nil {
		return fmt.Errorf("keyslot %d: %w", id, ErrNoKeyslot)
	}
	m.keyslots.remove(name)
	for _, section := range []*object{m.digests, m.tokens} {
		if err := section.unlink("keyslots", name); err != nil {
			return err
		}
	}
	return nil
}

// unlink removes name from the list `key` of every member of the section.
func (o *object) unlink(key, name string) error {
	for _, entry := range slices.Clone(o.members) {
		err := o.edit(entry.key, func(e *object) error {
			names, err := e.strings(key)
			if err != nil || !slices.Contains(names, name) {
				return err
			}
			e.set(key, list(slices.DeleteFunc(names, func(n string) bool { return n == name })))
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// edit parses the member, lets change work on it and puts it back.
func (o *object) edit(key string, change func(*object) error) error {
	child, err := splitObject(o.get(key))
	if err != nil {
		return broken(key, "%v", err)
	}
	if err := change(child); err != nil {
		return err
	}
	o.set(key, child.text())
	return nil
}

// strings decodes a member that is a list of strings; a missing one is empty.
func (o *object) strings(key string) ([]string, error) {
	text := o.get(key)
	if text == nil {
		return nil, nil
	}
	var values []string
	return values, decode(text, &values)
}

// encodeKeyslot writes members in the order in which cryptsetup creates them.
func encodeKeyslot(slot Keyslot) *object {
	o := &object{}
	o.set("type", quote(slot.Type))
	o.set("key_size", number(uint64(slot.KeySize)))
	o.set("af", encodeAF(slot.AF).text())
	o.set("area", encodeArea(slot.Area).text())
	o.set("kdf", encodeKDF(slot.KDF).text())
	if slot.Priority != PriorityNormal {
		o.set("priority", slot.Priority.text())
	}
	return o
}

func encodeAF(af AF) *object {
	o := &object{}
	o.set("type", quote(af.Type))
	o.set("stripes", number(uint64(af.Stripes)))
	o.set("hash", quote(af.Hash))
	return o
}

func encodeArea(a Area) *object {
	o := &object{}
	o.set("type", quote(a.Type))
	o.set("offset", number64(a.Offset))
	o.set("size", number64(a.Size))
	o.set("encryption", quote(a.Encryption))
	o.set("key_size", number(uint64(a.KeySize)))
	return o
}

func encodeKDF(k KDF) *object {
	o := &object{}
	o.set("type", quote(k.Type))
	if k.Type == "pbkdf2" {
		o.set("hash", quote(k.Hash))
		o.set("iterations", number(uint64(k.Iterations)))
	} else {
		o.set("time", number(uint64(k.Time)))
		o.set("memory", number(uint64(k.Memory)))
		o.set("cpus", number(uint64(k.CPUs)))
	}
	o.set("salt", base64Text(k.Salt))
	return o
}

// MoveArea changes where a keyslot's material lies; everything else of it stays.
func (m *Metadata) MoveArea(id int, offset uint64) error {
	name := strconv.Itoa(id)
	if m.keyslots.get(name) == nil {
		return fmt.Errorf("keyslot %d: %w", id, ErrNoKeyslot)
	}
	return m.keyslots.edit(name, func(slot *object) error {
		return slot.edit("area", func(area *object) error {
			area.set("offset", number64(offset))
			return nil
		})
	})
}
