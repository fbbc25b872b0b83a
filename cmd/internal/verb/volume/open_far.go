// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	repairing "github.com/orthrus-luks/orthrus/luks/repair"
)

// openFromFar loads the far header of a device without a valid head as a detached header, for reading.
func openFromFar(ctx context.Context, c *verb.Command, file *luks.File) (*luks.Volume, error) {
	f, err := repairing.FindFar(ctx, file, true, func(far.Found) {})
	if errors.Is(err, repairing.ErrHeadValid) {
		return nil, verb.Failure(ui.Failed, "The header of %s has a valid copy; open it without --header-from-far.",
			file.Path())
	}
	if err != nil {
		return nil, fmt.Errorf("far header: %w", err)
	}
	c.UI.Verbosef("Using the far header at byte %d of %s, seqid %d.", f.Place.Start(), file.Path(), f.Locator.SeqID)
	return luks.Load(ctx, f.Device())
}
