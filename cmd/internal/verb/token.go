// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// maxTokenFile bounds what is read of a token's JSON, bytes; a header holds no more.
const maxTokenFile = luks2.MaxSize

// token works on the tokens of a LUKS2 volume.
func token(ctx context.Context, c *command) error {
	does := map[string]func(context.Context, *command, *volume) error{
		"add": tokenAdd, "import": tokenImport, "export": tokenExport, "remove": tokenRemove, "unassign": tokenUnassign,
	}[c.Args[0]]
	if does == nil {
		return failure(ui.Failed, "Invalid token action.")
	}
	a := changed
	if c.Args[0] == "export" {
		a = report
	}
	c.Args = c.Args[1:]
	v, err := c.load(ctx, a)
	if err != nil {
		return err
	}
	defer v.Close()
	if v.Version != 2 {
		return failure(ui.Failed, "Device %s is LUKS1, which has no tokens.", v.path)
	}
	return does(ctx, c, v)
}

// tokenAdd makes a token that names a passphrase in the kernel's keyring.
func tokenAdd(ctx context.Context, c *command, v *volume) error {
	if !c.o.KeyDescription.Set {
		return failure(ui.Failed, "Option --key-description is mandatory for token add action.")
	}
	slots, err := c.boundTo(v)
	if err != nil {
		return err
	}
	text, err := json.Marshal(struct {
		Type        string   `json:"type"`
		Keyslots    []string `json:"keyslots"`
		Description string   `json:"key_description"`
	}{luks2.TypeKeyring, slots, c.o.KeyDescription.V})
	if err != nil {
		return err
	}
	return c.putToken(ctx, v, text)
}

// boundTo are the keyslots that a keyring token can open: the one named, or all.
func (c *command) boundTo(v *volume) ([]string, error) {
	slots := []string{}
	if c.o.Unbound {
		return slots, nil
	}
	for _, k := range v.Keyslots {
		if !c.o.KeySlot.Set && !k.Unbound || c.o.KeySlot.Set && k.ID == c.o.KeySlot.V {
			slots = append(slots, fmt.Sprint(k.ID))
		}
	}
	if c.o.KeySlot.Set && len(slots) == 0 {
		return nil, failure(ui.Failed, "Keyslot %d is not active.", c.o.KeySlot.V)
	}
	return slots, nil
}

// tokenFree fails where the number that was asked for is none, or taken.
func (c *command) tokenFree(v *volume) error {
	id := c.o.TokenID.Or(luks.AnyKeyslot)
	if id >= luks2.MaxTokens {
		return failure(ui.Failed, "Token %d is invalid.", id)
	}
	if _, err := v.Metadata().Token(id); err == nil && !c.o.TokenReplace {
		return failure(ui.Failed, "Token %d in use.", id)
	}
	return nil
}

func (c *command) putToken(ctx context.Context, v *volume, text []byte) error {
	if err := c.tokenFree(v); err != nil {
		return err
	}
	id := c.o.TokenID.Or(luks.AnyKeyslot)
	id, err := v.SetToken(ctx, id, text)
	if errors.Is(err, luks2.ErrNoID) {
		return failure(ui.Failed, "No free token slot.")
	}
	if errors.Is(err, luks2.ErrRule) {
		return failure(ui.Failed, "Failed to import token: %v.", err)
	}
	if err != nil {
		return err
	}
	c.ui.Verbosef("Token %d created.", id)
	return nil
}

// tokenImport stores the JSON of --json-file or standard input.
func tokenImport(ctx context.Context, c *command, v *volume) error {
	if err := c.tokenFree(v); err != nil {
		return err
	}
	text, err := c.readJSON()
	if err != nil {
		return err
	}
	if c.o.KeySlot.Set {
		return failure(ui.Failed, "Option --key-slot cannot be combined with token import: name the keyslots in the JSON.")
	}
	return c.putToken(ctx, v, text)
}

func (c *command) readJSON() ([]byte, error) {
	in := io.Reader(c.ui.In)
	if path := c.o.JSONFile.Or("-"); path != "-" {
		f, err := os.Open(path)
		if err != nil {
			return nil, failure(ui.Failed, "Failed to open token file %s for read.", path)
		}
		defer f.Close()
		in = f
	}
	text, err := io.ReadAll(io.LimitReader(in, maxTokenFile))
	if err != nil {
		return nil, err
	}
	if !json.Valid(text) {
		return nil, failure(ui.Failed, "Failed to read token from file: no valid JSON.")
	}
	return text, nil
}

// tokenExport prints a token's JSON, or puts it into a new file.
func tokenExport(_ context.Context, c *command, v *volume) error {
	t, err := v.Metadata().Token(c.o.TokenID.V)
	if err != nil || !c.o.TokenID.Set {
		return failure(ui.Failed, "Failed to get token %d for export.", c.o.TokenID.V)
	}
	if path := c.o.JSONFile.Or("-"); path != "-" {
		return exportFile(path, t.Raw)
	}
	_, err = c.ui.Out.Write(t.Raw)
	return err
}

func exportFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return failure(ui.Failed, "Failed to open token file %s for write.", path)
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Close())
}

func tokenRemove(ctx context.Context, c *command, v *volume) error {
	id := c.o.TokenID.V
	if _, err := v.Metadata().Token(id); err != nil || !c.o.TokenID.Set {
		return failure(ui.Failed, "Token %d is not in use.", id)
	}
	if _, err := v.SetToken(ctx, id, nil); err != nil {
		return err
	}
	c.ui.Verbosef("Token %d removed.", id)
	return nil
}

// tokenUnassign takes one keyslot out of a token's list.
func tokenUnassign(ctx context.Context, c *command, v *volume) error {
	err := v.UnassignToken(ctx, c.o.TokenID.V, c.o.KeySlot.V)
	if errors.Is(err, luks2.ErrNoToken) || errors.Is(err, luks2.ErrNoKeyslot) {
		return failure(ui.Failed, "Token %d is not assigned to keyslot %d.", c.o.TokenID.V, c.o.KeySlot.V)
	}
	return err
}
