// SPDX-License-Identifier: Apache-2.0

package open

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// MapMidway maps a volume in the middle of a reencryption: each piece of the data, in their order, under the key that
// it is under. The caller has verified keys and metadata. The keys go into the table. On failure nothing is left.
func MapMidway(ctx context.Context, o *luks.Opening, control *dm.Control, name string, run *reencrypt.Run,
	pieces []reencrypt.Piece, keys reencrypt.Keys, flags target.CryptFlags,
) error {
	table, err := Midway(o.Disk.Device.String(), run, pieces, keys, flags)
	if err != nil {
		return err
	}
	_, err = control.Activate(ctx, dm.Plan{
		Name: name, UUID: activate.UUID(activate.LUKS2, o.UUID, name), Table: table,
		ReadOnly: o.Disk.ReadOnly, ReadAhead: o.Disk.ReadAhead,
	})
	return errors.Join(err, table.Close())
}

// Midway is that table, for a device "major:minor"; the caller closes it. Each line of crypt has a copy of its key.
func Midway(device string, run *reencrypt.Run, pieces []reencrypt.Piece, keys reencrypt.Keys,
	flags target.CryptFlags,
) (dm.Table, error) {
	var table dm.Table
	for _, p := range pieces {
		end, key := &run.Old, keys.Old
		if p.Side == reencrypt.New {
			end, key = &run.New, keys.New
		}
		if end.Type != "crypt" {
			table = append(table, &target.Linear{
				Start: p.Start / 512, Length: p.Size / 512, Device: device, Offset: p.Offset / 512,
			})
			continue
		}
		line := &target.Crypt{
			Start: p.Start / 512, Length: p.Size / 512, Cipher: end.Encryption, IVOffset: p.Start / 512,
			Device: device, Offset: p.Offset / 512, Flags: flags,
		}
		if end.SectorSize != 512 {
			line.SectorSize = end.SectorSize
		}
		table = append(table, line)
		var err error
		if line.Key.Raw, err = secret.Copy(key); err != nil {
			return nil, errors.Join(err, table.Close())
		}
	}
	return table, nil
}
