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

// crypt adds the header's persistent flags, which --persistent replaces.
func crypt(c *verb.Command, v *volume.Volume) target.CryptFlags {
	if v.Version != 2 || c.Opt.Persistent {
		return c.Opt.Flags
	}
	return c.Opt.Flags | activate.Flags(v.Metadata().Flags())
}

// persist stores the command line's flags in the header.
func persist(ctx context.Context, c *verb.Command, v *volume.Volume) error {
	file, err := luks.OpenDevice(v.Path, luks.DeviceOptions{Write: true, NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return verb.DeviceError(v.Path, err)
	}
	writable, err := luks.Load(ctx, file)
	if err == nil {
		err = writable.SetFlags(ctx, activate.FlagNames(c.Opt.Flags))
	}
	return errors.Join(err, file.Close())
}
