// SPDX-License-Identifier: Apache-2.0

package keyslot

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// maxTokenFile bounds what is read of a token's JSON, bytes; a header holds no more.
const maxTokenFile = luks2.MaxSize

// tokenOptions are those that only token takes.
type tokenOptions struct {
	tokenReplace bool
}

// Token declares the verb.
func Token() verb.Verb {
	var o tokenOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "token", Group: cli.GroupKeys, Args: "<add|remove|import|export> <device>", MinArgs: 2,
			Unnamed: []string{"unassign"},
			Summary: "work on LUKS2 tokens",
			Takes:   cli.OfWriter + "external-tokens-path json-file key-description key-slot token-id unbound",
			Options: []cli.Option{
				{Long: "token-replace", Into: &o.tokenReplace, Help: "write over the token of that number"},
			},
			Rules: []cli.Rule{tokenAction, tokenNeeds},
			About: []string{
				"add makes a token that names a passphrase in the kernel's keyring by --key-description; import " +
					"and export move the JSON of a token from or to --json-file; remove drops it; unassign takes a " +
					"keyslot out of its list.",
			},
			Examples: []cli.Example{
				{What: "Show token 0:", Line: "orthrus token export --token-id 0 /dev/sdb2"},
				{
					What: "Unlock by a passphrase in the kernel's keyring:",
					Line: "orthrus token add --key-description vault /dev/sdb2",
				},
			},
			SeeAlso: []string{"luksAddKey", "open"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return workOnTokens(ctx, c, &o) },
	}
}

func tokenAction(inv *cli.Invocation) string {
	switch inv.Args[0] {
	case "add", "remove", "import", "export", "unassign":
		return ""
	}
	return "Invalid token action."
}

func tokenNeeds(inv *cli.Invocation) string {
	o := &inv.Options
	switch sub := inv.Args[0]; {
	case sub == "unassign" && !o.KeySlot.Set:
		return "Action requires specific keyslot. Use --key-slot parameter."
	case (sub == "remove" || sub == "export" || sub == "unassign") && !o.TokenID.Set:
		return "Action requires specific token. Use --token-id parameter."
	case sub == "add" && !o.KeyDescription.Set:
		return "--key-description parameter is mandatory for token add action."
	case o.Unbound && sub != "add":
		return "Option --unbound is valid only with token add action."
	case o.Unbound && o.KeySlot.Set:
		return "Options --key-slot and --unbound cannot be combined."
	}
	return ""
}

// workOnTokens works on the tokens of a LUKS2 volume.
func workOnTokens(ctx context.Context, c *verb.Command, o *tokenOptions) error {
	does := map[string]func(context.Context, *verb.Command, *tokenOptions, *volume.Volume) error{
		"add": tokenAdd, "import": tokenImport, "export": tokenExport, "remove": tokenRemove, "unassign": tokenUnassign,
	}[c.Args[0]]
	if does == nil {
		return verb.Failure(ui.Failed, "Invalid token action.")
	}
	a := volume.Changed
	if c.Args[0] == "export" {
		a = volume.Report
	}
	c.Args = c.Args[1:]
	v, err := volume.Load(ctx, c, a)
	if err != nil {
		return err
	}
	defer v.Close()
	if v.Version != 2 {
		return verb.Failure(ui.Failed, "Device %s is LUKS1, which has no tokens.", v.Path)
	}
	return does(ctx, c, o, v)
}

// tokenAdd makes a token that names a passphrase in the kernel's keyring.
func tokenAdd(ctx context.Context, c *verb.Command, o *tokenOptions, v *volume.Volume) error {
	if !c.Opt.KeyDescription.Set {
		return verb.Failure(ui.Failed, "Option --key-description is mandatory for token add action.")
	}
	slots, err := boundTo(c, v)
	if err != nil {
		return err
	}
	text, err := token.NewKeyring(c.Opt.KeyDescription.V, slots)
	if err != nil {
		return err
	}
	return putToken(ctx, c, o, v, text)
}

// boundTo are the keyslots that a keyring token can open: the one named, or all.
func boundTo(c *verb.Command, v *volume.Volume) ([]int, error) {
	var slots []int
	if c.Opt.Unbound {
		return slots, nil
	}
	for _, k := range v.Keyslots {
		if !c.Opt.KeySlot.Set || k.ID == c.Opt.KeySlot.V {
			slots = append(slots, k.ID)
		}
	}
	if c.Opt.KeySlot.Set && len(slots) == 0 {
		return nil, verb.Failure(ui.Failed, "Keyslot %d is not active.", c.Opt.KeySlot.V)
	}
	return slots, nil
}

// tokenFree fails where the number that was asked for is none, or taken.
func tokenFree(c *verb.Command, o *tokenOptions, v *volume.Volume) error {
	id := c.Opt.TokenID.Or(luks.AnyKeyslot)
	if id >= luks2.MaxTokens {
		return verb.Failure(ui.Failed, "Token %d is invalid.", id)
	}
	if _, err := v.Metadata().Token(id); err == nil && !o.tokenReplace {
		return verb.Failure(ui.Failed, "Token %d in use.", id)
	}
	return nil
}

func putToken(ctx context.Context, c *verb.Command, o *tokenOptions, v *volume.Volume, text []byte) error {
	if err := tokenFree(c, o, v); err != nil {
		return err
	}
	id := c.Opt.TokenID.Or(luks.AnyKeyslot)
	id, err := v.SetToken(ctx, id, text)
	if errors.Is(err, luks2.ErrNoID) {
		return verb.Failure(ui.Failed, "No free token slot.")
	}
	if errors.Is(err, luks2.ErrRule) {
		return verb.Failure(ui.Failed, "Failed to import token: %v.", err)
	}
	if err != nil {
		return err
	}
	c.UI.Sayf("Token %d created.", id)
	return nil
}

// tokenImport stores the JSON of --json-file or standard input, and adds the keyslot that --key-slot names.
func tokenImport(ctx context.Context, c *verb.Command, o *tokenOptions, v *volume.Volume) error {
	if err := tokenFree(c, o, v); err != nil {
		return err
	}
	text, err := readJSON(ctx, c)
	if err != nil {
		return err
	}
	if c.Opt.KeySlot.Set {
		if _, err := v.Keyslot(c.Opt.KeySlot.V); err != nil {
			return verb.Failure(ui.Failed, "Keyslot %d is not active.", c.Opt.KeySlot.V)
		}
		if text, err = luks2.WithKeyslot(text, c.Opt.KeySlot.V); err != nil {
			return verb.Failure(ui.Failed, "Failed to import token: %v.", err)
		}
	}
	return putToken(ctx, c, o, v, text)
}

func readJSON(ctx context.Context, c *verb.Command) ([]byte, error) {
	text, err := readTokenFile(ctx, c)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	if err != nil {
		return nil, err
	}
	if !json.Valid(text) {
		return nil, verb.Failure(ui.Failed, "Failed to read token from file: no valid JSON.")
	}
	var of struct{ Type string }
	if json.Unmarshal(text, &of) == nil && strings.HasPrefix(of.Type, "luks2-") && of.Type != "luks2-keyring" {
		return nil, verb.Failure(ui.Failed, "Failed to import token from file: its type is reserved.")
	}
	return text, nil
}

func readTokenFile(ctx context.Context, c *verb.Command) ([]byte, error) {
	path := c.Opt.JSONFile.Or("-")
	if path == "-" {
		return ui.ReadDescriptor(ctx, int(c.UI.In.Fd()), maxTokenFile)
	}
	text, err := ui.ReadNamed(ctx, path, maxTokenFile)
	if err != nil {
		return nil, &verb.Notice{
			Text: fmt.Sprintf("Failed to open token file %s for read.", path), Code: ui.Failed, Err: err,
		}
	}
	return text, nil
}

// tokenExport prints a token's JSON, or puts it into a file, whatever that held.
func tokenExport(_ context.Context, c *verb.Command, o *tokenOptions, v *volume.Volume) error {
	t, err := v.Metadata().Token(c.Opt.TokenID.V)
	if err != nil || !c.Opt.TokenID.Set {
		return verb.Failure(ui.Failed, "Failed to get token %d for export.", c.Opt.TokenID.V)
	}
	if path := c.Opt.JSONFile.Or("-"); path != "-" {
		return exportFile(path, t.Raw, v)
	}
	return c.UI.ShowJSON(t.Raw)
}

func exportFile(path string, text []byte, v *volume.Volume) error {
	if err := volume.Replaceable(path, v.Path); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return verb.Failure(ui.Failed, "Failed to open token file %s for write.", path)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

func tokenRemove(ctx context.Context, c *verb.Command, o *tokenOptions, v *volume.Volume) error {
	id := c.Opt.TokenID.V
	if _, err := v.Metadata().Token(id); err != nil || !c.Opt.TokenID.Set {
		return verb.Failure(ui.Failed, "Token %d is not in use.", id)
	}
	if _, err := v.SetToken(ctx, id, nil); err != nil {
		return err
	}
	c.UI.Sayf("Token %d removed.", id)
	return nil
}

// tokenUnassign takes one keyslot out of a token's list.
func tokenUnassign(ctx context.Context, c *verb.Command, o *tokenOptions, v *volume.Volume) error {
	err := v.UnassignToken(ctx, c.Opt.TokenID.V, c.Opt.KeySlot.V)
	if errors.Is(err, luks2.ErrNoToken) || errors.Is(err, luks2.ErrNoKeyslot) {
		return verb.Failure(ui.Failed, "Token %d is not assigned to keyslot %d.", c.Opt.TokenID.V, c.Opt.KeySlot.V)
	}
	return err
}
