// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"

	"github.com/orthrus-luks/orthrus/dm/block"
)

// Clones lists the paths of other block devices whose volume has that UUID. A device that shows the
// same bytes as f, seen from above or below, is none. Devices that cannot be read are left out.
func (f *File) Clones(ctx context.Context, uuid string) ([]string, error) {
	devices, err := block.Devices()
	if err != nil {
		return nil, err
	}
	return f.clonesAmong(ctx, uuid, devices), nil
}

func (f *File) clonesAmong(ctx context.Context, uuid string, devices []block.Info) []string {
	var clones []string
	for _, d := range devices {
		same := f.IsBlock() && d.Major == f.Major() && d.Minor == f.Minor()
		if same || d.Size == 0 || uuidOf(ctx, d.Path) != uuid || f.SharesBytes(d) {
			continue
		}
		clones = append(clones, d.Path)
	}
	return clones
}

// uuidOf is the UUID of the volume on a device, "" for none.
func uuidOf(ctx context.Context, path string) string {
	dev, err := OpenDevice(path, DeviceOptions{NoLocks: true})
	if err != nil {
		return ""
	}
	defer dev.Close()
	v, err := Load(ctx, dev)
	if err != nil {
		return ""
	}
	return v.UUID
}
