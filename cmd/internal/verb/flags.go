// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// cryptFlag is one activation flag, and the option that asks for it.
type cryptFlag struct {
	table  target.CryptFlags
	option func(c *command) bool
}

var cryptFlags = []cryptFlag{
	{target.AllowDiscards, func(c *command) bool { return c.o.AllowDiscards }},
	{target.SameCPUCrypt, func(c *command) bool { return c.o.SameCPUCrypt }},
	{target.SubmitFromCryptCPUs, func(c *command) bool { return c.o.SubmitFromCPUs }},
	{target.NoReadWorkqueue, func(c *command) bool { return c.o.NoReadWorkqueue }},
	{target.NoWriteWorkqueue, func(c *command) bool { return c.o.NoWriteWorkqueue }},
	{target.HighPriority, func(c *command) bool { return c.o.HighPriority }},
}

// flags are those of the command line.
func (c *command) flags() target.CryptFlags {
	var flags target.CryptFlags
	for _, f := range cryptFlags {
		if f.option(c) {
			flags |= f.table
		}
	}
	if c.o.IVLargeSectors {
		flags |= target.IVLargeSectors
	}
	return flags
}

// crypt adds the header's persistent flags, which --persistent replaces.
func (c *command) crypt(v *volume) target.CryptFlags {
	flags := c.flags()
	if v.Version != 2 || c.o.Persistent {
		return flags
	}
	return flags | activate.Flags(v.Metadata().Flags())
}

// persist stores the command line's flags in the header.
func (c *command) persist(ctx context.Context, v *volume) error {
	file, err := luks.OpenDevice(v.path, luks.DeviceOptions{Write: true, NoLocks: c.o.DisableLocks})
	if err != nil {
		return deviceError(v.path, err)
	}
	writable, err := luks.Load(ctx, file)
	if err == nil {
		err = writable.SetFlags(ctx, activate.FlagNames(c.flags()))
	}
	return errors.Join(err, file.Close())
}
