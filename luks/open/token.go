// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// TokenSource gets the passphrase of one token.
type TokenSource struct {
	Token luks2.Token
	Help  token.Help
}

// Name is what messages call it: "token 0 (luks2-keyring)".
func (s TokenSource) Name() string { return fmt.Sprintf("token %d (%s)", s.Token.ID, s.Token.Type) }

// Secrets tries the passphrase on the token's keyslots. Errors are those of the token's handler, a
// *token.TypeError where this program uses none of that type.
func (s TokenSource) Secrets(ctx context.Context, try Try) error {
	opener, err := token.OpenerFor(s.Token)
	if err != nil {
		return err
	}
	passphrase, err := opener.Passphrase(ctx, s.Token, s.Help)
	if err != nil {
		return errors.Join(err, passphrase.Close())
	}
	return errors.Join(s.tryKeyslots(ctx, try, passphrase), passphrase.Close())
}

func (s TokenSource) tryKeyslots(ctx context.Context, try Try, passphrase *secret.Buffer) error {
	last := error(luks.ErrPassphrase)
	for _, keyslot := range s.Token.Keyslots {
		copied, err := secret.Copy(passphrase.Bytes())
		if err != nil {
			return err
		}
		last = try(ctx, Secret{Buffer: copied, Keyslot: keyslot})
		if last == nil || ctx.Err() != nil {
			return last
		}
	}
	return last
}

// instant is how long a source that answers at once holds up the others when it does not.
const instant = 2 * time.Second

// Tokens are the entries of a volume's tokens that this program can use, in the header's order; those
// that answer at once come first and let others wait a little.
func Tokens(v *luks.Volume, help token.Help) []Entry {
	if v.Version != 2 {
		return nil
	}
	var first, others []Entry
	for _, t := range v.Metadata().Tokens() {
		opener, err := token.OpenerFor(t)
		if err != nil || len(t.Keyslots) == 0 {
			continue
		}
		entry := Entry{Source: TokenSource{t, help}}
		if opener.Effort(t) == token.Instant {
			entry.Lead = instant
			first = append(first, entry)
		} else {
			others = append(others, entry)
		}
	}
	return append(others, first...)
}
