// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"encoding/json"
	"strconv"
)

// The highest counts that other tools can work with; ids run from 0 to one less.
const (
	MaxKeyslots = 32
	MaxTokens   = 32
	MaxDigests  = 8
)

// Metadata is the JSON of a header: five mandatory sections and whatever else was there. Text not
// changed through its methods is kept as it came.
type Metadata struct {
	root                                        *object // the sections in it are replaced when text is made
	keyslots, tokens, segments, digests, config *object
	dropped                                     []string // see Dropped
}

// sections gives each mandatory section in the order in which new metadata is written.
func (m *Metadata) sections() []struct {
	name string
	at   **object
} {
	return []struct {
		name string
		at   **object
	}{
		{"keyslots", &m.keyslots},
		{"tokens", &m.tokens},
		{"segments", &m.segments},
		{"digests", &m.digests},
		{"config", &m.config},
	}
}

func newMetadata(root *object) (*Metadata, error) {
	m := &Metadata{root: root}
	for _, section := range m.sections() {
		text := root.get(section.name)
		if text == nil {
			return nil, broken(section.name, "missing")
		}
		o, err := splitObject(text)
		if err != nil {
			return nil, broken(section.name, "%v", err)
		}
		*section.at = o
	}
	return m, nil
}

// NewMetadata returns metadata without keyslots, tokens, segments and digests, for copies of
// hdrSize bytes and a keyslots area of keyslotsSize bytes.
func NewMetadata(hdrSize, keyslotsSize uint64) *Metadata {
	m := &Metadata{root: &object{}}
	for _, section := range m.sections() {
		*section.at = &object{}
		m.root.set(section.name, nil)
	}
	m.SetSizes(hdrSize, keyslotsSize)
	return m
}

// Text returns the compact JSON.
func (m *Metadata) Text() []byte {
	root := m.root.clone()
	for _, section := range m.sections() {
		root.set(section.name, (*section.at).text())
	}
	return root.text()
}

// Clone returns a copy that can be changed on its own.
func (m *Metadata) Clone() *Metadata {
	c := &Metadata{root: m.root.clone(), dropped: m.dropped}
	to := c.sections()
	for i, section := range m.sections() {
		*to[i].at = (*section.at).clone()
	}
	return c
}

// Equal compares the compact texts.
func (m *Metadata) Equal(o *Metadata) bool { return string(m.Text()) == string(o.Text()) }

// decode fills v from validated JSON; a mismatch means that the value was never validated.
func decode(text json.RawMessage, v any) error {
	if err := json.Unmarshal(text, v); err != nil {
		return damaged(ErrRule, "", "%v", err)
	}
	return nil
}

// ids lists a section's ids in the order of the text; keys that are no id are left out, which
// validation has excluded.
func (o *object) ids() []int {
	ids := make([]int, 0, len(o.members))
	for _, m := range o.members {
		if id, err := strconv.Atoi(m.key); err == nil {
			ids = append(ids, id)
		}
	}
	return ids
}

// byID finds a member by number. "00" and "0" are different keys to other readers, and only the
// plain spelling can be referred to.
func (o *object) byID(id int) json.RawMessage { return o.get(strconv.Itoa(id)) }

// freeID returns the lowest id below limit that is not taken.
func (o *object) freeID(limit int) (int, error) {
	for id := range limit {
		if o.byID(id) == nil {
			return id, nil
		}
	}
	return 0, ErrNoID
}
