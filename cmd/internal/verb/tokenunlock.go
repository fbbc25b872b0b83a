// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/keyring"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// byToken tries the passphrases that keyring tokens name, before anybody is asked. It returns nil
// where none of them opens the volume and a passphrase may; with --token-only a token that fails is
// told by another exit code than none.
func (c *command) byToken(ctx context.Context, v *volume, u unlocking) (*luks.Key, error) {
	named := c.o.TokenID.Set || c.o.TokenType.Set || c.o.TokenOnly
	if u.tokens == noTokens || u.tokens == tokensNamed && !named || c.keyFile() != "" || v.Version != 2 {
		return nil, nil
	}
	tried := false
	for _, t := range v.Metadata().Tokens() {
		if !c.wanted(t) {
			continue
		}
		key, err := c.tryToken(ctx, v, t, u)
		if err == nil {
			return key, nil
		}
		tried = tried || !errors.Is(err, errTokenType)
		c.tokenFailed(t, err)
	}
	switch {
	case c.o.TokenOnly && tried:
		return nil, silent(ui.Denied)
	case c.o.TokenOnly:
		c.ui.Verbosef("No usable token is available.")
		return nil, silent(ui.Failed)
	}
	return nil, nil
}

// wanted: any token, or the one that the options name if they do.
func (c *command) wanted(t luks2.Token) bool {
	return (!c.o.TokenID.Set || c.o.TokenID.V == t.ID) && (!c.o.TokenType.Set || c.o.TokenType.V == t.Type)
}

// tokenFailed is told aloud where the token was asked for.
func (c *command) tokenFailed(t luks2.Token, err error) {
	if c.o.TokenID.Set || c.o.TokenType.Set {
		c.ui.Errorf("Token %d (%s) does not unlock: %s.", t.ID, t.Type, reason(err))
		return
	}
	c.ui.Debugf("token %d (%s): %v", t.ID, t.Type, err)
}

// errTokenType: only the kernel keyring is asked by this program itself.
var errTokenType = errors.New("this program uses tokens of type " + luks2.TypeKeyring + " only")

// tokenPassphrase reads the passphrase that a token names.
func tokenPassphrase(t luks2.Token) (*secret.Buffer, error) {
	description, found := t.KeyringDescription()
	if t.Type != luks2.TypeKeyring || !found {
		return nil, errTokenType
	}
	return keyring.Passphrase(description)
}

func (c *command) tryToken(ctx context.Context, v *volume, t luks2.Token, u unlocking) (*luks.Key, error) {
	passphrase, err := tokenPassphrase(t)
	if err != nil {
		return nil, err
	}
	defer passphrase.Close()
	for _, id := range t.Keyslots {
		if u.keyslot != luks.AnyKeyslot && u.keyslot != id {
			continue
		}
		key, err := c.derive(ctx, v, passphrase.Bytes(), luks.UnlockOptions{Keyslot: id, Unbound: u.unbound})
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
