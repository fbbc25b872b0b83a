// SPDX-License-Identifier: Apache-2.0

package boot

import (
	"context"
	"errors"
	"strconv"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/relocate"
)

// grow lets a volume with a far header follow its device, now that its key has proved it and before
// it is mapped. One without is as long as its device anyway. Nothing that goes wrong stops the boot:
// the volume opens at every step of the way.
func (t *task) grow(ctx context.Context) {
	if !t.mayGrow() {
		return
	}
	grown, err := t.follow(ctx)
	if err == nil && grown {
		err = t.target.LUKS.Reload(ctx)
	}
	switch {
	case err != nil:
		t.report(Event{Kind: GrowFailed, Volume: t.target.Name, Err: err})
	case grown:
		t.outcome.Grown = true
		t.report(Event{Kind: Grew, Volume: t.target.Name, Text: strconv.FormatUint(t.target.LUKS.Data.Size, 10)})
	}
}

func (t *task) mayGrow() bool {
	v := t.target.LUKS
	if t.config.NoGrow || v == nil || v.Version != 2 || !t.target.Volume.Header.IsZero() {
		return false
	}
	return t.far == nil && t.twins() == nil && !t.opening.Disk.ReadOnly && !t.opening.Image()
}

// follow plans on what was read, and opens the device for writing only where there is something to do.
func (t *task) follow(ctx context.Context) (grown bool, err error) {
	_, pending, err := t.target.LUKS.Pending()
	if err != nil {
		return false, err
	}
	_, _, err = t.target.LUKS.PlanGrow(ctx, luks.GrowOptions{})
	switch {
	case pending:
	case nothingToFollow(err):
		return false, nil
	case err != nil:
		return false, err
	}
	file, err := luks.OpenDevice(t.target.Node, luks.DeviceOptions{Write: true})
	if err != nil {
		return false, err
	}
	v, err := luks.Load(ctx, file)
	if err == nil {
		err = v.Grow(ctx, luks.GrowOptions{})
	}
	grown = err == nil
	if nothingToFollow(err) {
		err = nil // what was pending is concluded, and that was all
	}
	return grown, errors.Join(err, file.Close())
}

func nothingToFollow(err error) bool {
	return errors.Is(err, far.ErrNone) || errors.Is(err, relocate.ErrNotGrown)
}
