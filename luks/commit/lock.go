// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"context"

	"github.com/orthrus-luks/orthrus/dm/given"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Locker is a device that several processes may use at once. Changes are made under its exclusive lock; a
// device without this method is taken to belong to the caller alone.
type Locker interface {
	LockMetadata(ctx context.Context, exclusive bool) (release func() error, err error)
}

// Locked runs do under the device's lock and counts the error of giving it back.
func Locked(ctx context.Context, dev header.Device, exclusive bool, do func() error) (err error) {
	if err := given.Context(ctx); err != nil {
		return err
	}
	locker, shared := dev.(Locker)
	if !shared {
		return do()
	}
	release, err := locker.LockMetadata(ctx, exclusive)
	if err != nil {
		return err
	}
	defer func() {
		if releaseErr := release(); err == nil {
			err = releaseErr
		}
	}()
	return do()
}

// Reached is a device that knows which of its ranges mappings reach over. Nothing outside the heads and
// keyslot areas is written below a live mapping. A device without this method is taken to have none.
type Reached interface {
	// Live lists the ranges in bytes; they may overlap and reach beyond the device's end.
	Live() ([]luks2.Extent, error)
}

// Live lists the ranges of the device that mappings reach over, bytes.
func Live(dev header.Device) ([]luks2.Extent, error) {
	if r, ok := dev.(Reached); ok {
		return r.Live()
	}
	return nil, nil
}
