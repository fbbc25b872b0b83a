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

// keyToShow asks whether a volume key is to be shown, and has it unlocked; out are the files of --volume-key-file, which
// is where the key goes then, not where it comes from. cryptsetup has a line of its own for a key that it cannot get.
func keyToShow(ctx context.Context, c *verb.Command, format string, unlock func() error) (out []string, err error) {
	if err := c.UI.Confirm(ctx, ui.Confirmation{Text: keys.DumpWarning, Silent: true}); err != nil {
		return nil, err
	}
	out, c.Opt.VolumeKeyFiles = c.Opt.VolumeKeyFiles, nil
	err = unlock()
	if c.StandsIn() && errors.Is(err, luks.ErrPassphrase) {
		err = &verb.Notice{Text: "Cannot retrieve volume key for " + format + " device.", Code: ui.Denied, Err: err}
	}
	return out, err
}
