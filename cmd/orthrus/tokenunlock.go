// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"runtime"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// byToken tries the passphrases that keyring tokens name, before anybody is asked. It returns nil
// where none of them opens the volume.
func (c *command) byToken(ctx context.Context, v *volume, o luks.UnlockOptions) (*luks.Key, error) {
	if v.Version != 2 || c.keyFile() != "" {
		return nil, nil
	}
	for _, t := range v.Metadata().Tokens() {
		if !c.wanted(t) {
			continue
		}
		key, err := c.tryToken(ctx, v, t, o)
		if err == nil {
			return key, nil
		}
		c.ui.Debugf("token %d: %v", t.ID, err)
	}
	if c.o.TokenOnly {
		c.ui.Verbosef("No usable token is available.")
		return nil, silent(ui.Denied)
	}
	return nil, nil
}

// wanted: a keyring token, and the one that the options name if they do.
func (c *command) wanted(t luks2.Token) bool {
	return t.Type == luks2.TypeKeyring &&
		(!c.o.TokenID.Set || c.o.TokenID.V == t.ID) && (!c.o.TokenType.Set || c.o.TokenType.V == t.Type)
}

func (c *command) tryToken(ctx context.Context, v *volume, t luks2.Token, o luks.UnlockOptions) (*luks.Key, error) {
	description, found := t.KeyringDescription()
	if !found {
		return nil, luks2.ErrNoToken
	}
	passphrase, err := keyringSecret(description)
	if err != nil {
		return nil, err
	}
	defer passphrase.Close()
	for _, id := range t.Keyslots {
		if o.Keyslot != luks.AnyKeyslot && o.Keyslot != id {
			continue
		}
		key, err := v.Unlock(ctx, passphrase.Bytes(), luks.UnlockOptions{Keyslot: id, Unbound: o.Unbound, Admit: o.Admit})
		if err == nil {
			c.ui.Verbosef("Key slot %d unlocked.", key.Keyslot)
			return key, nil
		}
		if !errors.Is(err, luks.ErrPassphrase) {
			return nil, err
		}
	}
	return nil, luks.ErrPassphrase
}

// keyringSecret reads a passphrase of that description from the keyrings of this process.
func keyringSecret(description string) (*secret.Buffer, error) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	id, err := keyring.Request("user", description)
	if err != nil {
		return nil, err
	}
	return keyring.Read(id)
}
