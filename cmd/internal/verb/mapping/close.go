// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/dm"
)

// closePatience is how long a busy device is tried again, since udev's own looks at a device last
// moments; it is that of libdevmapper.
const closePatience = 5 * time.Second

// CloseVolume takes a mapping down, now or with its last user.
func CloseVolume(ctx context.Context, c *verb.Command) error {
	arg := c.Args[0]
	name := mapped.MappingName(arg)
	control, err := mapped.Mapper(c, arg)
	if err != nil {
		return err
	}
	defer control.Close()
	if c.Opt.CancelDeferred {
		return closeError(arg, control.CancelDeferred(name))
	}
	info, err := control.Status(name)
	if err != nil {
		return closeError(arg, err)
	}
	scheduled, err := control.Remove(ctx, name, dm.RemoveOptions{Retry: closePatience, Deferred: c.Opt.Deferred})
	if err != nil {
		return closeError(arg, err)
	}
	if scheduled {
		c.UI.Printf("Device %s is still active and scheduled for deferred removal.", name)
		return nil
	}
	return guarded.ReleaseKey(guarded.MappedVolume(info.UUID))
}

// closeError names who holds the device.
func closeError(name string, err error) error {
	var busy *dm.BusyError
	switch {
	case errors.Is(err, dm.ErrNotFound), errors.Is(err, dm.ErrName):
		return mapped.NotActive(name)
	case errors.As(err, &busy):
		return &verb.Notice{Text: verb.StillInUse(name, busy), Code: ui.InUse, Err: err}
	}
	return err
}
