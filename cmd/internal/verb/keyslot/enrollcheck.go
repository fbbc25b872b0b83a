// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// checkedReport is what enroll check --json prints.
type checkedReport struct {
	Device string         `json:"device"`
	UUID   string         `json:"uuid"`
	Tokens []checkedToken `json:"checked"`
}

type checkedToken struct {
	Token    int      `json:"token"`
	Type     string   `json:"type"`
	Keyslots []int    `json:"keyslots"`
	Opens    *bool    `json:"opens"`
	Why      string   `json:"why,omitempty"`
	Notes    []string `json:"notes"`
}

// enrollCheck tells whether each token would open the volume now.
func enrollCheck(ctx context.Context, c *verb.Command, _ *enrollOptions, v *volume.Volume) error {
	r := checkedReport{Device: v.Path, UUID: v.UUID, Tokens: []checkedToken{}}
	failed := 0
	for _, t := range v.Metadata().Tokens() {
		if t.Type == token.TypeRecovery || len(t.Keyslots) == 0 {
			continue
		}
		notes, err := token.Check(ctx, t, keys.TokenHelp(c))
		row := checkedToken{Token: t.ID, Type: t.Type, Keyslots: t.Keyslots, Notes: append([]string{}, notes...)}
		if err != nil {
			row.Why = verb.Reason(err)
		}
		if known := !errors.Is(err, token.ErrNotUsed); known {
			opens := err == nil
			row.Opens = &opens
			if !opens {
				failed++
			}
		}
		r.Tokens = append(r.Tokens, row)
	}
	if err := tellChecked(c, r); err != nil {
		return err
	}
	if failed > 0 {
		return verb.Silent(ui.Failed)
	}
	return nil
}

func tellChecked(c *verb.Command, r checkedReport) error {
	if c.Opt.JSON {
		return c.PrintJSON(r)
	}
	if len(r.Tokens) == 0 {
		c.UI.Printf("%s has no token that could be checked.", r.Device)
	}
	for _, t := range r.Tokens {
		words := append([]string{t.verdict()}, t.Notes...)
		c.UI.Printf("Token %d (%s): %s.", t.Token, t.Type, strings.Join(words, "; "))
	}
	return nil
}

func (t checkedToken) verdict() string {
	switch {
	case t.Opens == nil:
		return "not checked: " + t.Why
	case *t.Opens:
		return "opens now"
	}
	return "does not open now: " + t.Why
}
