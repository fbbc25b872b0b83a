// SPDX-License-Identifier: Apache-2.0

package foreign

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/open"
)

// ask tries what is typed, or what stands in for it; shown is what prompts call the device. Where try fails with
// wrong, whoever types is asked again.
func ask(ctx context.Context, c *verb.Command, shown string, wrong error, try func([]byte) error) error {
	prompt := open.Prompt{
		Tries: 1, Wrong: func() { c.UI.Errorf("%s", verb.Sentence(luks.ErrPassphrase)) },
		Ask: func(ctx context.Context) (*secret.Buffer, error) {
			return c.UI.Secret(ctx, keys.Existing(c, keys.EnterFor(shown)))
		},
	}
	if keys.KeyFile(c) == "" {
		prompt.Tries = c.UI.Tries(int(c.Opt.Tries.V))
	}
	err := prompt.Secrets(ctx, func(_ context.Context, s open.Secret) error {
		err := try(s.Bytes())
		if errors.Is(err, wrong) {
			err = luks.ErrPassphrase
		}
		return errors.Join(err, s.Close())
	})
	if errors.Is(err, luks.ErrPassphrase) {
		return &verb.Notice{Code: ui.Denied, Err: luks.ErrPassphrase}
	}
	return err
}
