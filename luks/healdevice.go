// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
)

// HealDevice opens the device for writing and heals the volume on it; see Volume.Heal. It is for
// those who have opened the device for reading.
func HealDevice(ctx context.Context, path string) (healed bool, err error) {
	file, err := OpenDevice(path, DeviceOptions{Write: true})
	if err != nil {
		return false, err
	}
	v, err := Load(ctx, file)
	if err == nil {
		healed, err = v.Heal(ctx, false)
	}
	return healed, errors.Join(err, file.Close())
}
