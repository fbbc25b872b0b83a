// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// cryptFlag is one activation flag, and the option that asks for it.
type cryptFlag struct {
	table  target.CryptFlags
	option func(c *verb.Command) bool
}

var cryptFlags = []cryptFlag{
	{target.AllowDiscards, func(c *verb.Command) bool { return c.Opt.AllowDiscards }},
	{target.SameCPUCrypt, func(c *verb.Command) bool { return c.Opt.SameCPUCrypt }},
	{target.SubmitFromCryptCPUs, func(c *verb.Command) bool { return c.Opt.SubmitFromCPUs }},
	{target.NoReadWorkqueue, func(c *verb.Command) bool { return c.Opt.NoReadWorkqueue }},
	{target.NoWriteWorkqueue, func(c *verb.Command) bool { return c.Opt.NoWriteWorkqueue }},
	{target.HighPriority, func(c *verb.Command) bool { return c.Opt.HighPriority }},
}

// flags are those of the command line.
func flags(c *verb.Command) target.CryptFlags {
	var flags target.CryptFlags
	for _, f := range cryptFlags {
		if f.option(c) {
			flags |= f.table
		}
	}
	if c.Opt.IVLargeSectors {
		flags |= target.IVLargeSectors
	}
	return flags
}

// crypt adds the header's persistent flags, which --persistent replaces.
func crypt(c *verb.Command, v *volume.Volume) target.CryptFlags {
	flags := flags(c)
	if v.Version != 2 || c.Opt.Persistent {
		return flags
	}
	return flags | activate.Flags(v.Metadata().Flags())
}

// persist stores the command line's flags in the header.
func persist(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	file, err := luks.OpenDevice(v.Path, luks.DeviceOptions{Write: true, NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return verb.DeviceError(v.Path, err)
	}
	writable, err := luks.Load(ctx, file)
	if err == nil {
		err = writable.SetFlags(ctx, activate.FlagNames(flags(c)))
	}
	return errors.Join(err, file.Close())
}
