// SPDX-License-Identifier: Apache-2.0

package early

import (
	"context"
	"fmt"
	"path"

	"github.com/orthrus-luks/orthrus/cmd/internal/boot/cmdline"
	"github.com/orthrus-luks/orthrus/cmd/internal/startup"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verity"
)

// mapVerity maps the root of the kernel's command line. Its devices may be volumes that were unlocked.
func mapVerity(ctx context.Context, c *verb.Command, v cmdline.Verity) error {
	data, hash := v.Devices()
	if data == "" || hash == "" {
		return fmt.Errorf("roothash=%s: it is too short to name partitions", v.Root)
	}
	m := verity.BootMapping{Name: path.Base(startup.VerityRoot), Root: v.Root, Options: v.Options}
	var err error
	if m.Data, err = findDevice(ctx, data); err != nil {
		return fmt.Errorf("the data of the verified root: %w", err)
	}
	if m.Hash, err = findDevice(ctx, hash); err != nil {
		return fmt.Errorf("the hash tree of the verified root: %w", err)
	}
	return m.Open(ctx, c.UI, findDevice)
}
