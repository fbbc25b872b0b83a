// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/luks"
)

// Apart refuses a detached header and a data device that lie on the same disk or file so that the data would be
// where header and keyslots are, in the first end bytes: each byte has one owner.
func Apart(c *verb.Command, d luks.Data, end uint64) error {
	if !c.Opt.Header.Set || len(c.Args) == 0 {
		return nil
	}
	header, err := MetadataPath(c)
	if err != nil {
		return err
	}
	path, err := Named(c)
	if err != nil || !luks.Overlaps(header, path, d, end) {
		return err
	}
	return verb.Failure(ui.Failed, "%s would have the data where the header in %s lies (bytes 0 to %d): they are the "+
		"same device or file. Nothing was written.", path, header, end-1)
}

// ApartOn is Apart for the header as it lies there; without a valid one nothing is known of the data.
func ApartOn(ctx context.Context, c *verb.Command, path string) error {
	if !c.Opt.Header.Set {
		return nil
	}
	file, err := luks.OpenDevice(path, luks.DeviceOptions{NoLocks: true})
	if err != nil {
		return verb.DeviceError(path, err)
	}
	defer file.Close()
	v, err := luks.Load(ctx, file)
	if err != nil {
		return ctx.Err()
	}
	return Apart(c, v.Data, v.MetadataEnd())
}
