// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// LuksSuspend declares the verb.
func LuksSuspend() verb.Verb {
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksSuspend", Group: cli.GroupMapping, Args: "<device>", MinArgs: 1, Mapping: true,
			Summary: "freeze a mapping and take its key out of the kernel",
			Takes:   cli.OfHeader,
			About: []string{
				"Holds all reads and writes of the mapping and takes its key out of the kernel, so that a stolen " +
					"machine gives nothing away. Do not suspend what this program itself lives on.",
			},
			Examples: []cli.Example{
				{What: "Freeze a mapping:", Line: "orthrus luksSuspend data"},
				{What: "One whose header lies apart:", Line: "orthrus luksSuspend --header header.img data"},
			},
			SeeAlso: []string{"luksResume"},
		},
		Run: luksSuspend,
	}
}

// luksSuspend freezes a mapping and takes its key out of the kernel.
func luksSuspend(ctx context.Context, c *verb.Command) error {
	m, err := mapped.Find(c, c.Args[0])
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Kind == activate.Plain {
		return verb.Failure(ui.Failed, "Device %s is plain; only LUKS mappings can be suspended and resumed.", m.Name)
	}
	if m.Info.Suspended {
		return verb.Failure(ui.Failed, "Volume %s is already suspended.", m.Name)
	}
	if err := activate.Suspend(ctx, m.Control, m.Name); err != nil {
		return err
	}
	if m.Tags != nil {
		if _, err := m.Control.Suspend(activate.TagsName(m.Name), dm.SuspendOptions{}); err != nil {
			return err
		}
	}
	return guarded.ReleaseKey(c, guarded.MappedVolume(m.Info.UUID))
}
