// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// enrolledReport is what enroll list --json prints.
type enrolledReport struct {
	Device   string            `json:"device"`
	UUID     string            `json:"uuid"`
	Keyslots []enrolledKeyslot `json:"keyslots"`
	Loose    []enrolledToken   `json:"loose_tokens"`
}

type enrolledKeyslot struct {
	Keyslot int             `json:"keyslot"`
	Kind    string          `json:"kind"`
	Data    bool            `json:"opens_data"`
	Tokens  []enrolledToken `json:"tokens"`
}

type enrolledToken struct {
	Token   int               `json:"token"`
	Type    string            `json:"type"`
	Details map[string]string `json:"details,omitempty"`
	Problem string            `json:"problem,omitempty"`

	facts token.Facts
}

func enrollReport() cli.Report {
	return cli.Report{
		Intro: "One object, of enroll list, with these fields:", Of: enrolledReport{},
		Fields: []cli.Field{
			{Path: "device", Type: "string", About: "path"},
			{Path: "uuid", Type: "string", About: "of the volume"},
			{Path: "keyslots", Type: "list of object", About: "by number"},
			{Path: "keyslots[].keyslot", Type: "integer", About: "its number"},
			{
				Path: "keyslots[].kind", Type: "string",
				About: "password (no token), recovery, tpm2, fido2, pkcs11, clevis, keyring, other, conflict or " +
					"reencryption",
			},
			{Path: "keyslots[].opens_data", Type: "boolean", About: "it holds the key of the data"},
			{Path: "keyslots[].tokens", Type: "list of object", About: "those that name it"},
			{Path: "keyslots[].tokens[].token", Type: "integer", About: "its number"},
			{Path: "keyslots[].tokens[].type", Type: "string", About: "as in the header"},
			{Path: "keyslots[].tokens[].details", Type: "object", About: "what it says, by name; may be absent"},
			{Path: "keyslots[].tokens[].problem", Type: "string", About: "why nothing could use it; may be absent"},
			{Path: "loose_tokens", Type: "list of object", About: "those that name no keyslot"},
			{Path: "loose_tokens[].token", Type: "integer", About: "its number"},
			{Path: "loose_tokens[].type", Type: "string", About: "as in the header"},
			{Path: "loose_tokens[].details", Type: "object", About: "what it says, by name; may be absent"},
			{Path: "loose_tokens[].problem", Type: "string", About: "why nothing could use it; may be absent"},
		},
	}
}

// enrollList shows what opens each keyslot, from the header alone.
func enrollList(_ context.Context, c *verb.Command, _ *enrollOptions, v *volume.Volume) error {
	r := enrolledReport{Device: v.Path, UUID: v.UUID, Keyslots: enrolled(v), Loose: []enrolledToken{}}
	for _, t := range v.Metadata().Tokens() {
		if len(t.Keyslots) == 0 {
			r.Loose = append(r.Loose, readToken(t))
		}
	}
	if c.Opt.JSON {
		return c.PrintJSON(r)
	}
	c.UI.Printf("%-4s %-9s %-5s %s", "SLOT", "KIND", "TOKEN", "WHAT")
	for _, k := range r.Keyslots {
		if len(k.Tokens) == 0 {
			printEnrolled(c, strconv.Itoa(k.Keyslot), k.Kind, "", k.limits())
		}
		for _, t := range k.Tokens {
			printEnrolled(c, strconv.Itoa(k.Keyslot), k.Kind, strconv.Itoa(t.Token), append(t.what(), k.limits()...))
		}
	}
	for _, t := range r.Loose {
		printEnrolled(c, "-", kindOf(t), strconv.Itoa(t.Token), t.what())
	}
	return nil
}

func printEnrolled(c *verb.Command, slot, kind, token string, what []string) {
	line := fmt.Sprintf("%4s %-9s %5s %s", slot, kind, token, strings.Join(what, ", "))
	c.UI.Printf("%s", strings.TrimRight(line, " "))
}

// limits says what a keyslot is not good for.
func (k enrolledKeyslot) limits() []string {
	if k.Data || k.Kind == reencryption {
		return nil
	}
	return []string{"opens no data"}
}

// what is a token in a few words.
func (t enrolledToken) what() (words []string) {
	if kindOf(t) == other {
		words = append(words, t.Type)
	}
	for _, d := range t.facts.Details {
		words = append(words, d.Name+" "+d.Value)
	}
	if t.Problem != "" {
		words = append(words, t.Problem)
	}
	return words
}

const (
	other        = "other"        // the kind of tokens whose type is not known
	reencryption = "reencryption" // that of keyslots that a reencryption has for itself
)

func kindOf(t enrolledToken) string {
	if t.facts.Kind == "" {
		return other
	}
	return t.facts.Kind
}

// enrolled are the keyslots by number.
func enrolled(v *volume.Volume) []enrolledKeyslot {
	list, tokens := []enrolledKeyslot{}, v.Metadata().Tokens()
	for id := range luks2.MaxKeyslots {
		if k, err := v.Keyslot(id); err == nil {
			list = append(list, enrolledAt(k, tokens))
		}
	}
	return list
}

func enrolledAt(k luks.Keyslot, tokens []luks2.Token) enrolledKeyslot {
	row := enrolledKeyslot{Keyslot: k.ID, Kind: "password", Data: k.OpensData(), Tokens: []enrolledToken{}}
	for _, t := range tokens {
		if slices.Contains(t.Keyslots, k.ID) {
			row.Tokens = append(row.Tokens, readToken(t))
		}
	}
	for i, t := range row.Tokens {
		if row.Kind = kindOf(t); i > 0 && row.Kind != kindOf(row.Tokens[0]) {
			row.Kind = "conflict"
			break
		}
	}
	if k.Type == luks2.TypeReencrypt {
		row.Kind = reencryption
	}
	return row
}

func readToken(t luks2.Token) enrolledToken {
	facts, err := token.Read(t)
	r := enrolledToken{Token: t.ID, Type: t.Type, facts: facts}
	if err != nil && !errors.Is(err, token.ErrNotUsed) {
		r.Problem = err.Error()
	}
	for _, d := range facts.Details {
		if r.Details == nil {
			r.Details = map[string]string{}
		}
		r.Details[d.Name] = d.Value
	}
	return r
}

// tokensOf are those that have keyslots, and none but these.
func tokensOf(v *volume.Volume, ids ...int) (list []luks2.Token) {
	if v.Version != 2 {
		return nil
	}
	for _, t := range v.Metadata().Tokens() {
		if t.Within(ids) {
			list = append(list, t)
		}
	}
	return list
}
