// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/token"
)

// attended are a volume's tokens that want an answer from people.
func attended(v *luks.Volume, help token.Help) (list []TokenSource) {
	if v == nil || v.Version != 2 {
		return nil
	}
	for _, t := range v.Metadata().Tokens() {
		opener, err := token.OpenerFor(t)
		if err == nil && len(t.Keyslots) > 0 && opener.Effort(t) == token.Attended {
			list = append(list, TokenSource{t, help})
		}
	}
	return list
}

// WantsPIN tells whether a PIN may open the volume, by a token.
func WantsPIN(v *luks.Volume) bool { return len(attended(v, token.Help{})) > 0 }

// errSpent: the answer was given to a token already. It is tried on one only, since each wrong one may count.
var errSpent = errors.New("the answer was for another token")

// TypedPIN gives what a person typed to the first token that takes a PIN now: one try, however many tokens there are.
// It returns luks.ErrPassphrase where none took it. The answer stays the caller's.
func TypedPIN(ctx context.Context, v *luks.Volume, help token.Help, typed []byte, try Try) error {
	spent := false
	help.Ask = func(context.Context, token.Question) (*secret.Buffer, error) {
		if spent {
			return nil, errSpent
		}
		spent = true
		return secret.Copy(typed)
	}
	for _, source := range attended(v, help) {
		if err := source.Secrets(ctx, try); spent || ctx.Err() != nil {
			return err
		}
	}
	return luks.ErrPassphrase
}
