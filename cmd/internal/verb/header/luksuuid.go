// SPDX-License-Identifier: Apache-2.0

package header

import (
	"context"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/uuid"
)

// LuksUUID declares the verb.
func LuksUUID() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksUUID", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "print or set a volume's UUID",
			Takes:   cli.OfWriter + "uuid json",
			About: []string{
				"Prints the UUID of the volume, or sets the one given by --uuid.",
			},
			Report: cli.Report{
				Fields: []cli.Field{
					{Path: "uuid", Type: "string", About: "UUID of the volume"},
				},
			},
			Examples: []cli.Example{
				{What: "Print it:", Line: "orthrus luksUUID /dev/sdb2"},
				{
					What: "Give a copy of a volume a UUID of its own:",
					Line: "orthrus luksUUID --uuid \"$(uuidgen)\" /dev/sdc2",
				},
			},
			SeeAlso: []string{"config"},
		},
		Run: luksUUID,
	}
}

// luksUUID prints the uuid or, with --uuid, changes it.
func luksUUID(ctx context.Context, c *verb.Command) error {
	if c.Opt.UUID.Set {
		return setUUID(ctx, c)
	}
	v, err := volume.Load(ctx, c, volume.Report)
	if err != nil {
		return err
	}
	defer v.Close()
	if c.Opt.JSON {
		return c.PrintJSON(map[string]string{"uuid": v.UUID})
	}
	c.UI.Printf("%s", v.UUID)
	return nil
}

func setUUID(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	next, err := parseUUID(c.Opt.UUID.V)
	if err != nil {
		return err
	}
	if err := v.CheckLeftovers(); err != nil {
		return err
	}
	if err := c.UI.Confirm(ctx, ui.Confirmation{Text: "Do you really want to change UUID of device?"}); err != nil {
		return err
	}
	err = guarded.Settle(ctx, c, v.Before(), v.Device(), v.SetUUID(ctx, next))
	if err == nil {
		c.UI.Advisef("UUID of %s is %s now%s.", v.Path, next, v.AndFar())
	}
	return err
}

// parseUUID accepts the textual form only and lowers its case.
func parseUUID(text string) (string, error) {
	text = strings.ToLower(text)
	if !uuid.Valid(text) {
		return "", verb.Failure(ui.Failed, "Wrong LUKS UUID format provided.")
	}
	return text, nil
}
