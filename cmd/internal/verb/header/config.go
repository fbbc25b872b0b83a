// SPDX-License-Identifier: Apache-2.0

package header

import (
	"context"
	"strconv"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// configOptions are those that only config takes.
type configOptions struct {
	priority cli.Value[string]
}

// Config declares the verb.
func Config() verb.Verb {
	var o configOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "config", Group: cli.GroupHeader, Args: "<device>", MinArgs: 1,
			Summary: "set the label, the subsystem or a keyslot's priority in LUKS2 metadata",
			Aliases: []cli.Alias{
				{Name: "luksConfig"},
			},
			Takes: cli.OfWriter + "key-slot label subsystem",
			Options: []cli.Option{
				{
					Long: "priority", Arg: "STRING", Into: &o.priority,
					Values: []string{"prefer", "normal", "ignore"},
					Check: cli.Among(&o.priority, "Option --priority can be only ignore/normal/prefer.", "ignore",
						"normal", "prefer"),
					Help: "a keyslot's priority: prefer, normal or ignore",
				},
			},
			Rules: []cli.Rule{o.slotRule},
			Needs: []cli.Need{o.need},
			About: []string{
				"Changes what LUKS2 metadata says without touching keys. Setting only one of label and subsystem " +
					"clears the other.",
			},
			Examples: []cli.Example{
				{What: "Give a volume a label:", Line: "orthrus config --label backup /dev/sdb2"},
				{What: "Try keyslot 1 before all " +
					"others:", Line: "orthrus config --priority prefer --key-slot 1 /dev/sdb2"},
			},
			SeeAlso: []string{"luksUUID"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return config(ctx, c, &o) },
	}
}

func (o *configOptions) slotRule(inv *cli.Invocation) string {
	return cli.Refuse(o.priority.Set && !inv.Options.KeySlot.Set, "Keyslot specification is required.")
}

func (o *configOptions) need(inv *cli.Invocation) error {
	if !o.priority.Set && !inv.Options.Label.Set && !inv.Options.Subsystem.Set {
		return &cli.MissingError{Reason: "Option --priority, --label or --subsystem is missing."}
	}
	return nil
}

// config changes a keyslot's priority, or label and subsystem.
func config(ctx context.Context, c *verb.Command, o *configOptions) error {
	v, err := volume.Load(ctx, c, volume.Changed)
	if err != nil {
		return err
	}
	defer v.Close()
	if v.Version != 2 {
		return verb.Failure(ui.Failed, "Device %s is LUKS%d: only LUKS2 has priorities, labels and subsystems.",
			v.Path, v.Version)
	}
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	if o.priority.Set {
		if err := setPriority(ctx, c, o, v); err != nil {
			return err
		}
	}
	if !c.Opt.Label.Set && !c.Opt.Subsystem.Set {
		return nil
	}
	// Setting one of the two clears the other, unless both are given.
	label, subsystem := labels(c)
	if err := v.SetLabels(ctx, label, subsystem); err != nil {
		return verb.DeviceError(v.Path, err)
	}
	c.UI.Advisef("Label of %s is %s now, subsystem %s%s.", v.Path, named(label), named(subsystem), v.AndFar())
	return nil
}

// named is a label in a sentence.
func named(label string) string {
	if label == "" {
		return "empty"
	}
	return strconv.Quote(label)
}

func setPriority(ctx context.Context, c *verb.Command, o *configOptions, v *volume.Volume) error {
	priorities := map[string]luks2.Priority{
		"ignore": luks2.PriorityIgnore, "normal": luks2.PriorityNormal, "prefer": luks2.PriorityPrefer,
	}
	p, known := priorities[o.priority.V]
	if !known {
		return verb.Failure(ui.Failed, "Wrong priority %s: use ignore, normal or prefer.", o.priority.V)
	}
	if !c.Opt.KeySlot.Set {
		return verb.Failure(ui.Failed, "Keyslot must be specified.")
	}
	if _, err := v.Keyslot(c.Opt.KeySlot.V); err != nil {
		return verb.Failure(ui.Failed, "Keyslot %d is not active.", c.Opt.KeySlot.V)
	}
	if err := v.SetPriority(ctx, c.Opt.KeySlot.V, p); err != nil {
		return err
	}
	c.UI.Advisef("Priority of keyslot %d is %s now%s.", c.Opt.KeySlot.V, o.priority.V, v.AndFar())
	return nil
}
