// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/extent"
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
	if err != nil || !overlaps(header, path, d, end) {
		return err
	}
	return verb.Failure(ui.Failed, "%s would have the data where the header in %s lies (bytes 0 to %d): they are the "+
		"same device or file. Nothing was written.", path, header, end-1)
}

// overlaps: what cannot be opened is for those to refuse who need it.
func overlaps(header, data string, d luks.Data, end uint64) bool {
	meta, err := block.Open(header, 0)
	if err != nil {
		return false
	}
	defer meta.Close()
	dev, err := block.Open(data, 0)
	if err != nil {
		return false
	}
	defer dev.Close()
	at, same := meta.StartIn(dev)
	size := d.Size
	if d.Dynamic {
		size = uint64(dev.Size()) - min(d.Offset, uint64(dev.Size()))
	}
	return same && covers(at, extent.Extent{Offset: d.Offset, Size: size}, end)
}

// covers tells whether data on a device that starts at byte `at` of another lies in the first end bytes of that. Data
// that has no length yet begins there all the same.
func covers(at int64, data extent.Extent, end uint64) bool {
	first := at + int64(data.Offset)
	return first < int64(end) && first+int64(max(data.Size, 1)) > 0
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
