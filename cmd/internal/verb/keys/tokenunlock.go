// SPDX-License-Identifier: Apache-2.0

package keys

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/open"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// byToken tries the passphrases of tokens, before anybody is asked. It returns nil where none of them
// opens the volume and a passphrase may; with --token-only a token that fails is told by another exit
// code than none.
func byToken(ctx context.Context, c *verb.Command, v *volume.Volume, u Unlocking) (*luks.Key, error) {
	named := c.Opt.TokenID.Set || c.Opt.TokenType.Set || c.Opt.TokenOnly
	unwanted := u.Tokens == noTokens || u.Tokens == TokensNamed && !named || KeyFile(c) != "" && !c.Opt.TokenOnly
	if unwanted || v.Version != 2 && u.Tokens != tokensAlways {
		return nil, nil
	}
	var tokens []luks2.Token // none in LUKS1
	if v.Version == 2 {
		tokens = v.Metadata().Tokens()
	}
	var entries []open.Entry
	for _, t := range tokens {
		if wanted(c, t) {
			source := open.TokenSource{Token: t, Help: TokenHelp(c)}
			entries = append(entries, open.Entry{Source: source, Lead: open.Alone})
		}
	}
	tried := false
	race := u.race(c, v)
	race.Lost = func(s open.Source, err error) {
		tried = tried || !errors.Is(err, token.ErrNotUsed)
		tokenFailed(c, s.(open.TokenSource).Token, err)
	}
	win, err := race.Run(ctx, entries)
	switch {
	case err == nil:
		c.UI.Verbosef("Key slot %d unlocked.", win.Key.Keyslot)
		return win.Key, nil
	case ctx.Err() != nil:
		return nil, ctx.Err()
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
	if c.Opt.DisableExternalToken && t.Type != luks2.TypeKeyring {
		return false // cryptsetup has plugins for all others
	}
	return (!c.Opt.TokenID.Set || c.Opt.TokenID.V == t.ID) && (!c.Opt.TokenType.Set || c.Opt.TokenType.V == t.Type)
}

// tokenFailed is told aloud where the token was asked for, and under our own name where it was there and failed.
func tokenFailed(c *verb.Command, t luks2.Token, err error) {
	quiet := errors.Is(err, token.ErrNotUsed) || errors.Is(err, token.ErrAbsent) || errors.Is(err, errNobody) ||
		errors.Is(err, token.ErrNoPIN) || errors.Is(err, token.ErrForbidden)
	if c.Opt.TokenID.Set || c.Opt.TokenType.Set || c.UI.Own && !quiet {
		c.UI.Errorf("Token %d (%s) does not unlock: %s.", t.ID, t.Type, verb.Reason(err))
		return
	}
	c.UI.Debugf("token %d (%s): %v", t.ID, t.Type, err)
}

// TokenPassphrase gets the passphrase that a token stands for.
func TokenPassphrase(ctx context.Context, c *verb.Command, t luks2.Token) (*secret.Buffer, error) {
	opener, err := token.OpenerFor(t)
	if err != nil {
		return nil, err
	}
	return opener.Passphrase(ctx, t, TokenHelp(c))
}

// TokenHelp is what the handlers of tokens may use here; options stand for those of a crypttab.
func TokenHelp(c *verb.Command) token.Help {
	return token.Help{
		Network: c.Opt.TokenID.Set || c.Opt.TokenType.Set,
		Ask:     func(ctx context.Context, q token.Question) (*secret.Buffer, error) { return askFor(ctx, c, q) },
		Say:     func(text string) { c.UI.Errorf("%s", text) },
		Option: func(name string) (string, bool) {
			v := map[string]cli.Value[string]{
				"tpm2-device": c.Opt.TPM2Device, "tpm2-signature": c.Opt.TPM2Signature,
				"tpm2-pcrlock": c.Opt.TPM2PCRLock,
			}[name]
			return v.V, v.Set
		},
	}
}

// errNobody: there is no terminal.
var errNobody = errors.New("it wants an answer, which without a terminal is read with --token-only alone")

// askFor gets the answer to a token's question. What comes on a pipe is a passphrase, which as a wrong PIN
// would cost a try, unless --token-only says that there will be no passphrase.
func askFor(ctx context.Context, c *verb.Command, q token.Question) (*secret.Buffer, error) {
	if !c.UI.Interactive() && !c.Opt.TokenOnly && !c.Opt.PINFile.Set {
		return nil, errNobody
	}
	prompt := q.Title
	if q.Left > 0 {
		prompt = fmt.Sprintf("%s (tries left: %d)", prompt, q.Left)
	}
	return PIN(ctx, c, prompt+": ", false)
}

// PIN asks for one, twice where it is to be set, or reads --pin-file: a newline at its end is not part of it.
func PIN(ctx context.Context, c *verb.Command, prompt string, twice bool) (*secret.Buffer, error) {
	pin, err := c.UI.Secret(ctx, ui.Request{
		Prompt: prompt, Verify: twice && c.UI.Verify(c.Opt.VerifyPassphrase, true), Timeout: timeout(c),
		KeyFile: c.Opt.PINFile.V,
	})
	if n := pin.Len(); err == nil && c.Opt.PINFile.Set && n > 0 && pin.Bytes()[n-1] == '\n' {
		pin.Truncate(n - 1)
	}
	return pin, err
}
