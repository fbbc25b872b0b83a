// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// dataChecked is what check --data says of the sectors of a volume that authenticates them.
type dataChecked struct {
	Sectors    uint64   `json:"sectors"` // 512-byte units, as all numbers here
	Good       uint64   `json:"good_sectors"`
	Mismatch   uint64   `json:"mismatched_sectors"`
	Unreadable uint64   `json:"unreadable_sectors"`
	Replayed   int      `json:"blocks_in_journal"`
	Bad        []badRun `json:"bad"`
	More       uint64   `json:"more_bad_ranges"` // that are not listed
}

// badRun is a run of sectors that are wrong for the same reason.
type badRun struct {
	Sector     uint64 `json:"sector"` // of the volume
	Sectors    uint64 `json:"sectors"`
	Offset     int64  `json:"offset"` // of its data on the device, bytes
	Unreadable bool   `json:"unreadable"`
}

// dataOptions refuses --data with what it does not go with, and what asks for a key without it.
func dataOptions(o *checkOptions) []cli.Rule {
	return []cli.Rule{func(inv *cli.Invocation) string {
		opt := inv.Options
		asked := len(opt.KeyFiles)+len(opt.VolumeKeyFiles)+len(opt.VolumeKeyKeyrings) > 0
		if o.data {
			return cli.Refuse(len(inv.Args) > 1, "Option --data verifies one device.")
		}
		return cli.Refuse(asked, "check takes a key only with --data.")
	}}
}

// checkData unlocks the volume and holds every sector against its tag. Nothing is written.
func checkData(ctx context.Context, c *verb.Command) (found *dataChecked, err error) {
	v, err := volume.Load(ctx, c, volume.Report)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	if i := v.Data.Integrity; i == nil || i.Type == "none" {
		return nil, verb.Failure(ui.Failed, "Device %s does not authenticate its sectors.", c.Args[0])
	}
	path, err := volume.Named(c)
	if err != nil {
		return nil, err
	}
	dev, err := block.Open(path, block.Exclusive)
	if err == nil {
		defer dev.Close()
		err = unmapped(dev)
	}
	if err != nil {
		return nil, verb.DeviceError(path, err)
	}
	key, err := keys.Unlock(ctx, c, v, keys.Opening(c, keys.EnterFor(v.Path)))
	if err != nil {
		return nil, err
	}
	defer key.Close()
	tags, err := v.Tags(ctx, dev, key)
	if err != nil {
		return nil, verb.DeviceError(path, err)
	}
	tags.Progress = progress(c, path, tags.Size(), "verified")
	report, err := tags.Verify(ctx)
	if err != nil {
		return nil, verb.DeviceError(path, err)
	}
	return dataOf(tags, report), nil
}

// unmapped refuses an image that somebody is changing through a loop device.
func unmapped(dev *block.Device) error {
	if dev.IsBlock() {
		return nil
	}
	faces, err := dev.Faces()
	for _, face := range faces {
		if len(face.Above()) > 0 {
			return verb.Failure(ui.InUse, "Device %s is in use.", dev.Path())
		}
	}
	return err
}

func dataOf(tags *integrity.Volume, r *integrity.Report) *dataChecked {
	d := &dataChecked{
		Sectors: tags.ProvidedSectors, Good: r.Good, Mismatch: r.Mismatch, Unreadable: r.Unreadable,
		Replayed: tags.Journal.Blocks(), Bad: make([]badRun, len(r.Bad)), More: r.More,
	}
	for i, run := range r.Bad {
		d.Bad[i] = badRun{run.First, run.Sectors, tags.DataByte(run.First), run.Unreadable}
	}
	return d
}

// judge adds to a report what the data show.
func (d *dataChecked) judge(r *inspect.Report) {
	if bad := d.Mismatch + d.Unreadable; bad > 0 {
		r.Add(inspect.Healable, fmt.Sprintf("%d of %d sectors are not what was written", bad, d.Sectors))
	}
}

// mostRunsShown bounds what a person is shown of them.
const mostRunsShown = 100

func (d *dataChecked) print(c *verb.Command) {
	c.UI.Printf("sectors: %d of %d are what was written", d.Good, d.Sectors)
	if d.Replayed > 0 {
		c.UI.Itemf("  ", "%d blocks of them in the journal", d.Replayed)
	}
	for i, run := range d.Bad {
		if i == mostRunsShown {
			c.UI.Itemf("  ", "and %d more runs", uint64(len(d.Bad)-i)+d.More)
			return
		}
		why := "changed"
		if run.Unreadable {
			why = "unreadable"
		}
		c.UI.Itemf("  ", "sector %d, %d sectors, from byte %d of the device: %s", run.Sector, run.Sectors, run.Offset,
			why)
	}
}
