// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
)

// repairMidway brings a volume in the middle of a reencryption to the end of a step. It handles no others, nor one
// without a valid head.
func repairMidway(ctx context.Context, c *verb.Command, path string) (handled bool, err error) {
	m, err := openMidway(ctx, c, path)
	var busy *verb.Notice
	if errors.As(err, &busy) && busy.Code == ui.InUse {
		return false, err
	}
	if err != nil {
		return false, nil // what is wrong with it is what repair is for
	}
	defer m.Close()
	if !m.underWay() {
		return false, nil
	}
	return true, m.bringHome(ctx, c, false)
}
