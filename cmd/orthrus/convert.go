// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
)

// convert refuses, after a look at the device: this program does not convert between versions.
func convert(ctx context.Context, c *command) error {
	v, err := c.load(ctx, report)
	if err != nil {
		return err
	}
	defer v.Close()
	if c.o.Type.V == fmt.Sprintf("luks%d", v.Version) {
		return failure(ui.Failed, "Device is already LUKS%d type.", v.Version)
	}
	return failure(ui.Failed, "%s: converting %s from LUKS%d to %s is not supported; nothing was changed.", c.Program, v.path, v.Version, c.o.Type.V)
}
