// SPDX-License-Identifier: Apache-2.0

package header

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
)

// IsLuks declares the verb.
func IsLuks() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "isLuks", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "tell by the exit code whether this is a LUKS device",
			Takes:   cli.OfHeader + "type json",
			About: []string{
				"Exit status 0 means yes, 1 means no. Nothing is printed without -v or --json.",
			},
			Report: cli.Report{
				Fields: []cli.Field{
					{Path: "luks", Type: "boolean", About: "whether the device is a LUKS device; with false the " +
						"exit status is 1 and nothing follows"},
					{Path: "version", Type: "integer", About: "1 or 2"},
					{Path: "uuid", Type: "string", About: "UUID of the volume"},
				},
			},
			Examples: []cli.Example{
				{What: "In a script:", Line: "orthrus isLuks /dev/sdb2 && echo yes"},
				{What: "Only LUKS2:", Line: "orthrus isLuks --type luks2 /dev/sdb2"},
			},
			Exits: []cli.Exit{
				{Code: 0, Means: "It is a LUKS device."},
				{Code: 1, Means: "It is none."},
			},
			SeeAlso: []string{"luksDump"},
		},
		Run: isLuks,
	}
}

// isLuks answers by its exit code; no is no failure worth words.
func isLuks(ctx context.Context, c *verb.Command) error {
	if len(c.Args) > 1 {
		return verb.Failure(ui.NoDevice, "Only one device can be looked at.")
	}
	v, err := volume.Load(ctx, c, volume.Report)
	if errors.Is(err, luks.ErrNotLUKS) {
		if c.Opt.JSON {
			return errors.Join(c.PrintJSON(map[string]bool{"luks": false}), verb.Silent(ui.Failed))
		}
		return verb.Silent(ui.Failed)
	}
	if err != nil {
		return err
	}
	defer v.Close()
	if c.Opt.JSON {
		return c.PrintJSON(map[string]any{"luks": true, "version": v.Version, "uuid": v.UUID})
	}
	return nil
}
