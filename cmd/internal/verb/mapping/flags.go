// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"slices"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// crypt adds the header's persistent flags, which --persistent replaces.
func crypt(c *verb.Command, v *volume.Volume) target.CryptFlags {
	if v.Version != 2 || c.Opt.Persistent {
		return c.Opt.Flags
	}
	return c.Opt.Flags | activate.Flags(v.Metadata().Flags())
}

// writeMode is how the layer of tags is to write: without a journal where the command line says so, or the header,
// whose flags --persistent replaces.
func writeMode(c *verb.Command, v *volume.Volume) byte {
	kept := !c.Opt.Persistent && slices.Contains(v.Metadata().Flags(), luks2.FlagNoJournal)
	if c.Opt.IntegrityNoJournal || kept {
		return activate.Direct
	}
	return activate.Journaled
}

// tagFlags refuses what cannot be where sectors are authenticated.
func tagFlags(flags target.CryptFlags) error {
	if flags&target.AllowDiscards != 0 {
		return verb.Failure(ui.Failed, "%v.", activate.ErrDiscards)
	}
	return nil
}

func persistWanted(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	if c.Opt.Persistent {
		return persist(ctx, c, v)
	}
	return nil
}

// persist stores the command line's flags in the header.
func persist(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	file, err := luks.OpenDevice(v.Path, luks.DeviceOptions{Write: true, NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return verb.DeviceError(v.Path, err)
	}
	writable, err := luks.Load(ctx, file)
	if err == nil {
		flags := activate.FlagNames(c.Opt.Flags)
		if c.Opt.IntegrityNoJournal {
			flags = append(flags, luks2.FlagNoJournal)
		}
		err = writable.SetFlags(ctx, flags)
	}
	return errors.Join(err, file.Close())
}
