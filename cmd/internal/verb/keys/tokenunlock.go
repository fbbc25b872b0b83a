// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// byToken tries the passphrases that keyring tokens name, before anybody is asked. It returns nil
// where none of them opens the volume and a passphrase may; with --token-only a token that fails is
// told by another exit code than none.
func byToken(ctx context.Context, c *verb.Command, v *volume.Volume, u Unlocking) (*luks.Key, error) {
	named := c.Opt.TokenID.Set || c.Opt.TokenType.Set || c.Opt.TokenOnly
	if u.Tokens == noTokens || u.Tokens == TokensNamed && !named || KeyFile(c) != "" && !c.Opt.TokenOnly || v.Version != 2 {
		return nil, nil
	}
	tried := false
	for _, t := range v.Metadata().Tokens() {
		if !wanted(c, t) {
			continue
		}
		key, err := tryToken(ctx, c, v, t, u)
		if err == nil {
			return key, nil
		}
		tried = tried || !errors.Is(err, errTokenType)
		tokenFailed(c, t, err)
	}
	switch {
	case c.Opt.TokenOnly && tried:
		return nil, verb.Silent(ui.Denied)
	case c.Opt.TokenOnly:
		c.UI.Verbosef("No usable token is available.")
		return nil, verb.Silent(ui.Failed)
	}
	return nil, nil
}

// wanted: any token, or the one that the options name if they do.
func wanted(c *verb.Command, t luks2.Token) bool {
	return (!c.Opt.TokenID.Set || c.Opt.TokenID.V == t.ID) && (!c.Opt.TokenType.Set || c.Opt.TokenType.V == t.Type)
}

// tokenFailed is told aloud where the token was asked for.
func tokenFailed(c *verb.Command, t luks2.Token, err error) {
	if c.Opt.TokenID.Set || c.Opt.TokenType.Set {
		c.UI.Errorf("Token %d (%s) does not unlock: %s.", t.ID, t.Type, verb.Reason(err))
		return
	}
	c.UI.Debugf("token %d (%s): %v", t.ID, t.Type, err)
}

// errTokenType: only the kernel keyring is asked by this program itself.
var errTokenType = errors.New("this program uses tokens of type " + luks2.TypeKeyring + " only")

// TokenPassphrase reads the passphrase that a token names.
func TokenPassphrase(t luks2.Token) (*secret.Buffer, error) {
	description, found := t.KeyringDescription()
	if t.Type != luks2.TypeKeyring || !found {
		return nil, errTokenType
	}
	return keyring.Passphrase(description)
}

func tryToken(ctx context.Context, c *verb.Command, v *volume.Volume, t luks2.Token, u Unlocking) (*luks.Key, error) {
	passphrase, err := TokenPassphrase(t)
	if err != nil {
		return nil, err
	}
	defer passphrase.Close()
	for _, id := range t.Keyslots {
		if u.Keyslot != luks.AnyKeyslot && u.Keyslot != id {
			continue
		}
		key, err := Derive(ctx, c, v, passphrase.Bytes(), luks.UnlockOptions{Keyslot: id, Unbound: u.Unbound})
		if err == nil {
			c.UI.Verbosef("Key slot %d unlocked.", key.Keyslot)
			return key, nil
		}
		if !errors.Is(err, luks.ErrPassphrase) {
			return nil, err
		}
	}
	return nil, luks.ErrPassphrase
}
