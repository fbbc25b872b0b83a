// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// cryptFlag is one activation flag: how the header, the table and the command line call it.
type cryptFlag struct {
	persistent string
	table      target.CryptFlags
	option     func(c *command) bool
}

var cryptFlags = []cryptFlag{
	{luks2.FlagAllowDiscards, target.AllowDiscards, func(c *command) bool { return c.o.AllowDiscards }},
	{luks2.FlagSameCPUCrypt, target.SameCPUCrypt, func(c *command) bool { return c.o.SameCPUCrypt }},
	{luks2.FlagSubmitFromCryptCPU, target.SubmitFromCryptCPUs, func(c *command) bool { return c.o.SubmitFromCPUs }},
	{luks2.FlagNoReadWorkqueue, target.NoReadWorkqueue, func(c *command) bool { return c.o.NoReadWorkqueue }},
	{luks2.FlagNoWriteWorkqueue, target.NoWriteWorkqueue, func(c *command) bool { return c.o.NoWriteWorkqueue }},
	{luks2.FlagHighPriority, target.HighPriority, func(c *command) bool { return c.o.HighPriority }},
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
	kept := v.Metadata().Flags()
	for _, f := range cryptFlags {
		if slices.Contains(kept, f.persistent) {
			flags |= f.table
		}
	}
	return flags
}

// persist stores the command line's flags in the header.
func (c *command) persist(ctx context.Context, v *volume) error {
	var names []string
	for _, f := range cryptFlags {
		if f.option(c) {
			names = append(names, f.persistent)
		}
	}
	file, err := luks.OpenDevice(v.path, luks.DeviceOptions{Write: true, NoLocks: c.o.DisableLocks})
	if err != nil {
		return deviceError(v.path, err)
	}
	writable, err := luks.Load(ctx, file)
	if err == nil {
		err = writable.SetFlags(ctx, names)
	}
	return errors.Join(err, file.Close())
}
