// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// LuksResume declares the verb.
func LuksResume() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksResume", Group: cli.GroupMapping, Args: "<device>", MinArgs: 1, Mapping: true,
			Summary: "unlock a frozen mapping",
			Takes: cli.OfHeader + cli.OfPassphrase + cli.OfTokens + cli.OfVolumeKey +
				"disable-keyring external-tokens-path key-description key-slot link-vk-to-keyring tries",
			Rules: []cli.Rule{cli.LinkWithKeyring},
			Needs: []cli.Need{cli.NeedsLUKS},
			About: []string{
				"Gives a suspended mapping its key back and lets reads and writes go on.",
			},
			Examples: []cli.Example{
				{What: "Go on:", Line: "orthrus luksResume data"},
				{What: "With a key file:", Line: "orthrus luksResume --key-file k data"},
			},
			SeeAlso: []string{"luksSuspend"},
		},
		Run: luksResume,
	}
}

// luksResume gives a frozen mapping its key back.
func luksResume(ctx context.Context, c *verb.Command) error {
	m, err := mapped.Find(c, c.Args[0])
	if err != nil {
		return err
	}
	defer m.Close()
	if !m.Info.Suspended {
		return verb.Failure(ui.Failed, "Volume %s is not suspended.", m.Name)
	}
	v, err := mapped.VolumeOf(ctx, c, m)
	if err != nil {
		return err
	}
	defer v.Close()
	link, err := keys.Link(c)
	if err != nil {
		return err
	}
	key, err := mapped.UnlockFor(ctx, c, m, v)
	if err != nil {
		return err
	}
	defer key.Close()
	mapping, err := m.Like(key, v, c.Opt.DisableKeyring || v.Version == 1)
	if err != nil {
		return err
	}
	undo, err := link.Enter(key.Bytes())
	if err != nil {
		return err
	}
	if m.Tags != nil {
		below := activate.TagsName(m.Name)
		if _, err := m.Control.Resume(ctx, below, dm.ResumeOptions{Udev: dm.UdevPrivate}); err != nil {
			return errors.Join(err, undo())
		}
	}
	if err := activate.Resume(ctx, m.Control, mapping); err != nil {
		return errors.Join(err, undo())
	}
	return nil
}
