// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
)

// settleClones refuses, or asks a person, where another attached device bears the same UUID: a
// header must not be mended by guess which of the two it belongs to.
func settleClones(ctx context.Context, c *verb.Command, o *repairOptions, path, uuid string) error {
	if o.ignoreClones {
		return nil
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return verb.DeviceError(path, err)
	}
	defer file.Close()
	clones, err := file.Clones(ctx, uuid)
	if err != nil {
		c.UI.Debugf("no list of devices: %v", err)
	}
	if len(clones) == 0 {
		return nil
	}
	text := fmt.Sprintf("Another device with UUID %s is attached: %s.", uuid, strings.Join(clones, ", "))
	if c.UI.Batch || !c.UI.Interactive() {
		return verb.Failure(ui.Failed, "%s Detach it, or add --ignore-clones.", text)
	}
	return c.UI.Confirm(ctx, ui.Confirmation{Text: text + "\nMake sure that " + path + " is the one to repair."})
}
