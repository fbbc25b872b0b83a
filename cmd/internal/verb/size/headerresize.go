// SPDX-License-Identifier: Apache-2.0

package size

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
)

// Header declares the verb.
func Header() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "header", Group: cli.GroupSize, Args: "<resize> <device>", MinArgs: 2, Own: true,
			Summary: "give LUKS2 metadata another size (--luks2-metadata-size), keyslots and data staying",
			Takes:   cli.OfHeader + "luks2-keyslots-size luks2-metadata-size dry-run",
			Rules:   []cli.Rule{headerAction},
			About: []string{
				"header resize gives each copy of LUKS2 metadata --luks2-metadata-size bytes, one of nine sizes " +
					"from 16 KiB to 4 MiB, for more keyslots and tokens. Keyslots that stand in the way move, " +
					"without a passphrase; the data stay where they are, so that all must fit before them. " +
					"--luks2-keyslots-size says how much room keyslots then have; without it their area ends where " +
					"it ended.",
				"It goes in steps that are noted in the header, and is concluded or taken back by the next open, " +
					"repair or header resize. At each instant other tools can open the volume, mapped or not.",
			},
			Examples: []cli.Example{
				{What: "Room for large tokens:", Line: "orthrus header resize --luks2-metadata-size 1m /dev/sdb2"},
				{What: "See the steps first:", Line: "orthrus header resize --luks2-metadata-size 1m --dry-run " +
					"/dev/sdb2"},
			},
			SeeAlso: []string{"far", "luksDump"},
		},
		Run: headerResize,
	}
}

func headerAction(inv *cli.Invocation) string {
	switch {
	case inv.Args[0] != "resize":
		return "Invalid header action: resize."
	case !inv.Options.LUKS2MetadataSize.Set:
		return "Option --luks2-metadata-size is mandatory for header resize."
	}
	return ""
}

// headerResize gives the metadata area of a LUKS2 volume another size.
func headerResize(ctx context.Context, c *verb.Command) error {
	c.Args = c.Args[1:]
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	size := luks.MetadataSize{Header: c.Opt.LUKS2MetadataSize.V, Keyslots: c.Opt.LUKS2KeyslotsSize.V}
	steps, err := v.PlanMetadataSize(ctx, size)
	if err == nil && c.Opt.DryRun && len(steps) > 0 {
		volume.ShowSteps(c, steps)
		return nil
	}
	if err == nil && !c.Opt.DryRun {
		err = v.SetMetadataSize(ctx, size, volume.TellStep(c))
	}
	switch {
	case err != nil:
		return volume.SizeError(v.Path, err)
	case len(steps) == 0:
		c.UI.Sayf("The metadata of %s have this size already.", v.Path)
		return nil
	}
	c.UI.Sayf("The heads of %s now have %d bytes each, the keyslots %d.", v.Path, size.Header,
		v.Metadata().KeyslotsSize())
	return nil
}
