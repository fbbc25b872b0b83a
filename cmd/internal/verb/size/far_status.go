// SPDX-License-Identifier: Apache-2.0

package size

import (
	"context"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// farReport is what far status --json prints. Offsets and sizes are in bytes.
type farReport struct {
	Device     string    `json:"device"`
	UUID       string    `json:"uuid"`
	Standing   string    `json:"standing"`
	Why        string    `json:"why,omitempty"`
	DeviceSize uint64    `json:"device_size"`
	SeqID      uint64    `json:"seqid"`
	Far        *farPlace `json:"far_header,omitempty"`
	Phase      string    `json:"phase,omitempty"`
	Recorded   uint64    `json:"recorded_device_size,omitempty"`
	Exposed    bool      `json:"data_reaches_over_it"`
	Covered    bool      `json:"mapping_reaches_over_it"`
	Revoked    int       `json:"revoked_keyslots"`
	Damaged    []int     `json:"damaged_keyslots"`
	// Forgotten are other copies of this volume's far header: they hold key material.
	Forgotten []farPlace `json:"forgotten"`
}

type farPlace struct {
	Body    uint64 `json:"body_offset"`
	Length  uint64 `json:"body_length"`
	Locator uint64 `json:"locator_offset"`
	State   string `json:"state"`
	SeqID   uint64 `json:"seqid"`
	Size    uint64 `json:"written_for_device_size,omitempty"`
}

func placeOf(f far.Found) farPlace {
	return farPlace{
		f.Place.Body.Offset, f.Place.Body.Size, f.Place.Locator, f.State.String(), f.Locator.SeqID,
		f.Locator.DeviceSize,
	}
}

// farStatus reports on the far header, changing nothing. The exit code is 0 where all is well, 1 where
// there is none, and that of check for damage otherwise.
func farStatus(ctx context.Context, c *verb.Command, o *farOptions) error {
	v, err := volume.Load(ctx, c, volume.Report)
	if err != nil {
		return err
	}
	defer v.Close()
	f, err := v.Far(ctx)
	if err != nil {
		return v.FarError(err)
	}
	if o.search {
		found, err := searchFar(ctx, v)
		if err != nil {
			return err
		}
		f.Forgotten = otherThan(f, found)
	}
	r := farReportOf(c.Args[0], v, f)
	if c.Opt.JSON {
		if err := c.PrintJSON(r); err != nil {
			return err
		}
	} else {
		printFar(c, r)
	}
	return verb.Silent(farCode(f))
}

// otherThan drops the places that the heads name.
func otherThan(f luks.FarHeader, found []far.Found) []far.Found {
	var others []far.Found
	for _, o := range found {
		if !f.HasToken || o.Place != f.Token.Far && o.Place != f.Token.To {
			others = append(others, o)
		}
	}
	return others
}

func farCode(f luks.FarHeader) ui.ExitCode {
	switch {
	case f.Standing == far.None && len(f.Forgotten) == 0:
		return ui.Failed
	case f.Standing != far.InStep || f.Exposed || f.Covered || len(f.Damaged)+len(f.Forgotten) > 0:
		return verb.Healable
	}
	return ui.OK
}

func farReportOf(device string, v *volume.Volume, f luks.FarHeader) farReport {
	r := farReport{
		Device: device, UUID: v.UUID, Standing: f.Standing.String(), DeviceSize: uint64(v.File.Size()),
		Exposed: f.Exposed, Covered: f.Covered, Revoked: len(f.Revoked), Damaged: f.Damaged, Forgotten: []farPlace{},
	}
	if v.Version == 2 {
		r.SeqID = v.Choice.Copy.Header.SeqID
	}
	if r.Damaged == nil {
		r.Damaged = []int{}
	}
	if f.Why != nil {
		r.Why = f.Why.Error()
	}
	if f.HasToken {
		r.Phase, r.Recorded = string(f.Token.Phase), f.Token.DeviceSize
		if !f.Token.Far.None() {
			place := placeOf(f.Recorded)
			r.Far = &place
		}
	}
	for _, o := range f.Forgotten {
		r.Forgotten = append(r.Forgotten, placeOf(o))
	}
	return r
}

func printFar(c *verb.Command, r farReport) {
	c.UI.Printf("far header: %s", r.Standing)
	if r.Why != "" {
		c.UI.Printf("  %s", r.Why)
	}
	if r.Far != nil {
		c.UI.Printf("  body: %d bytes at byte %d", r.Far.Length, r.Far.Body)
		c.UI.Printf("  locator: at byte %d, %s, seqid %d (heads: %d)", r.Far.Locator, r.Far.State, r.Far.SeqID,
			r.SeqID)
	}
	if r.Recorded != 0 && r.Recorded != r.DeviceSize {
		c.UI.Printf("  the device had %d bytes when it was placed, and has %d", r.Recorded, r.DeviceSize)
	}
	for _, line := range farFindings(r) {
		c.UI.Printf("  %s", line)
	}
}

// wiped says what takes a forgotten copy away: one that others have written to is left to a person.
func (p farPlace) wiped(by string) string {
	if p.State == far.Whole.String() {
		return by
	}
	return fmt.Sprintf("bytes of it are others', so that it is left alone; once they are known to be nobody's, "+
		"overwrite bytes %d to %d", p.Body, p.Body+p.Length-1)
}

// farFindings are the sentences that ask for action.
func farFindings(r farReport) []string {
	var list []string
	wipes := "far sync wipes it"
	switch r.Standing {
	case far.Transit.String():
		wipes = "far sync wipes it once that is concluded"
		list = append(list, "repair concludes what was begun, or takes it back")
	case far.Restored.String():
		wipes = "far sync leaves it, since it is newer than the heads; erase wipes it"
	}
	if r.Exposed {
		list = append(list, "the data segment reaches over it: far sync makes it end before, where nothing has "+
			"grown into it")
	}
	if r.Covered {
		list = append(list, "a mapping reaches over it: it was opened by an older tool")
	}
	if r.Revoked > 0 {
		list = append(list, fmt.Sprintf("it holds the material of %d keyslots that the heads do not have any more: %s",
			r.Revoked, wipes))
	}
	for _, id := range r.Damaged {
		list = append(list, fmt.Sprintf("keyslot %d on the device is damaged, and whole in the far header: repair "+
			"brings it back", id))
	}
	for _, o := range r.Forgotten {
		list = append(list, fmt.Sprintf("forgotten copy with key material at byte %d, seqid %d: %s",
			o.Body, o.SeqID, o.wiped(wipes)))
	}
	return list
}
