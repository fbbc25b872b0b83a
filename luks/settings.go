// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrFarToken refuses to change the token by which the heads know the far header.
var ErrFarToken = errors.New("this token belongs to the far header, which has verbs of its own")

// only2 refuses what LUKS1 has not.
func (v *Volume) only2(what string) error {
	if !v.is(2) {
		return fmt.Errorf("%s in LUKS1: %w", what, ErrUnsupported)
	}
	return nil
}

// settings2 is update2 for what says how a volume is to be used: it needs the header to be understood
// wholly, so a requirement that is not met here is an error.
func (v *Volume) settings2(ctx context.Context, expect commit.Expect,
	set func(h *luks2.Header, m *luks2.Metadata) error,
) error {
	if err := v.now().CheckRequirements(); err != nil {
		return err
	}
	return v.update2(ctx, func(s *commit.Session) (commit.Change, error) {
		next := s.Now()
		err := set(&next.Header, next.Metadata)
		return commit.Change{Expect: expect, Next: next}, err
	})
}

// SetUUID changes the volume's uuid, of either version.
func (v *Volume) SetUUID(ctx context.Context, uuid string) error {
	if v.is(2) {
		return v.settings2(ctx, commit.Expect{}, func(h *luks2.Header, _ *luks2.Metadata) error {
			h.UUID = uuid
			return nil
		})
	}
	return v.update1(ctx, func(h luks1.Header) (commit.Change1, error) {
		return commit.Change1{Next: h.WithUUID(uuid)}, nil
	})
}

// SetLabels changes label and subsystem of a LUKS2 volume.
func (v *Volume) SetLabels(ctx context.Context, label, subsystem string) error {
	if len(label) >= luks2.LabelSize || len(subsystem) >= luks2.LabelSize {
		return fault.Geometry("label", "at most %d bytes", luks2.LabelSize-1)
	}
	if err := v.only2("labels"); err != nil {
		return err
	}
	return v.settings2(ctx, commit.Expect{}, func(h *luks2.Header, _ *luks2.Metadata) error {
		h.Label, h.Subsystem = label, subsystem
		return nil
	})
}

// SetPriority changes a keyslot's priority. LUKS2 only.
func (v *Volume) SetPriority(ctx context.Context, id int, p luks2.Priority) error {
	if err := v.only2("keyslot priorities"); err != nil {
		return err
	}
	return v.settings2(ctx, v.expectKeyslot(id), func(_ *luks2.Header,
		m *luks2.Metadata,
	) error {
		return m.SetPriority(id, p)
	})
}

// expectKeyslot believes that a keyslot is the one that this volume shows; one that it does not show is for
// the metadata to refuse.
func (v *Volume) expectKeyslot(id int) commit.Expect {
	slot, err := v.now().Keyslot(id)
	if err != nil {
		return commit.Expect{}
	}
	return commit.Expect{Keyslots: []commit.Identity{slot.Identity}}
}

// SetFlags replaces the persistent activation flags. LUKS2 only.
func (v *Volume) SetFlags(ctx context.Context, flags []string) error {
	if err := v.only2("persistent flags"); err != nil {
		return err
	}
	return v.settings2(ctx, commit.Expect{}, func(_ *luks2.Header, m *luks2.Metadata) error {
		m.SetFlags(flags)
		return nil
	})
}

// SetToken writes or, with nil text, removes a token; an id of AnyKeyslot takes the lowest free
// one. It returns the id. LUKS2 only. ErrMeanwhile: under that id is not what this volume shows.
func (v *Volume) SetToken(ctx context.Context, id int, text []byte) (int, error) {
	if err := v.only2("tokens"); err != nil {
		return 0, err
	}
	err := v.settings2(ctx, v.expectToken(id), func(_ *luks2.Header, m *luks2.Metadata) (err error) {
		switch {
		case isFarToken(m, id):
			return ErrFarToken
		case text == nil:
			return m.RemoveToken(id)
		case id == AnyKeyslot:
			if id, err = m.FreeTokenID(); err != nil {
				return err
			}
		}
		return m.SetToken(id, text)
	})
	return id, err
}

// expectToken believes that under that id is what this volume shows, or nothing.
func (v *Volume) expectToken(id int) commit.Expect {
	if id == AnyKeyslot {
		return commit.Expect{}
	}
	t, err := v.now().Metadata().Token(id)
	if err != nil {
		return commit.Expect{Tokens: map[int]json.RawMessage{id: nil}}
	}
	return commit.Expect{Tokens: map[int]json.RawMessage{id: t.Raw}}
}

// AssignToken adds a keyslot to a token's list; the rest of the token stays. LUKS2 only.
func (v *Volume) AssignToken(ctx context.Context, token, keyslot int) error {
	if err := v.only2("tokens"); err != nil {
		return err
	}
	return v.settings2(ctx, v.expectKeyslot(keyslot), func(_ *luks2.Header, m *luks2.Metadata) error {
		if isFarToken(m, token) {
			return ErrFarToken
		}
		return m.AssignToken(token, keyslot)
	})
}

// UnassignToken takes a keyslot out of a token's list; the rest of the token stays. LUKS2 only.
func (v *Volume) UnassignToken(ctx context.Context, token, keyslot int) error {
	if err := v.only2("tokens"); err != nil {
		return err
	}
	return v.settings2(ctx, commit.Expect{}, func(_ *luks2.Header, m *luks2.Metadata) error {
		return m.UnassignToken(token, keyslot)
	})
}

// isFarToken tells whether text is, or claims to be, the far header's token.
func isFarToken(m *luks2.Metadata, id int) bool {
	t, err := m.Token(id)
	return err == nil && t.Type == far.TokenType
}
