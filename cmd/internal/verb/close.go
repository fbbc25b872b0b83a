// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// closePatience is how long a busy device is tried again, since udev's own looks at a device last
// moments; it is that of libdevmapper.
const closePatience = 5 * time.Second

// closeVolume takes a mapping down, now or with its last user.
func closeVolume(ctx context.Context, c *command) error {
	arg := c.Args[0]
	name := mappingName(arg)
	control, err := c.mapper(arg)
	if err != nil {
		return err
	}
	defer control.Close()
	if c.o.CancelDeferred {
		return closeError(arg, control.CancelDeferred(name))
	}
	info, err := control.Status(name)
	if err != nil {
		return closeError(arg, err)
	}
	scheduled, err := control.Remove(ctx, name, dm.RemoveOptions{Retry: closePatience, Deferred: c.o.Deferred})
	if err != nil {
		return closeError(arg, err)
	}
	if scheduled {
		c.ui.Printf("Device %s is still active and scheduled for deferred removal.", name)
		return nil
	}
	return releaseKey(mappedVolume(info.UUID))
}

// closeError names who holds the device.
func closeError(name string, err error) error {
	var busy *dm.BusyError
	switch {
	case errors.Is(err, dm.ErrNotFound), errors.Is(err, dm.ErrName):
		return notActive(name)
	case errors.As(err, &busy):
		return &notice{text: stillInUse(name, busy), code: ui.InUse, err: err}
	}
	return err
}

func stillInUse(name string, busy *dm.BusyError) string {
	return fmt.Sprintf("Device %s is still in use.", name) + heldByThese(busy.Holders)
}

// holder names one user of a device.
func holder(h block.Holder) string {
	switch h.Kind {
	case block.HolderProcess:
		return fmt.Sprintf("process %d (%s)", h.PID, h.Name)
	case block.HolderMount:
		return "the mount at " + h.Name
	case block.HolderSwap:
		return "swap on " + h.Name
	}
	return "device " + h.Name
}
