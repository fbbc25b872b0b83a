// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/integrity"
)

// verdict is what verify reports.
type verdict struct {
	Device     string     `json:"device"`
	Verdict    string     `json:"verdict"` // verified, corrupt or unchecked
	Sectors    uint64     `json:"sectors"` // 512-byte units, as all numbers here
	Good       uint64     `json:"good_sectors"`
	Discarded  uint64     `json:"discarded_sectors,omitempty"`
	Unchecked  uint64     `json:"unchecked_sectors,omitempty"`
	Mismatch   uint64     `json:"mismatched_sectors"`
	Unreadable uint64     `json:"unreadable_sectors"`
	Replayed   int        `json:"blocks_in_journal"`
	Cleared    bool       `json:"journal_unreadable,omitempty"`
	Bad        []badRange `json:"bad,omitempty"`
	More       uint64     `json:"more_bad_ranges,omitempty"` // that are not listed
}

// badRange is a run of sectors that are wrong for the same reason.
type badRange struct {
	Sector     uint64 `json:"sector"` // logical
	Sectors    uint64 `json:"sectors"`
	Offset     int64  `json:"offset"` // of its data on the device, bytes
	Unreadable bool   `json:"unreadable,omitempty"`
}

// verifyDevice reads a device as the kernel would show it, and compares every tag.
func (r *run) verifyDevice(ctx context.Context) error {
	if err := r.readAlgorithms(ctx); err != nil {
		return err
	}
	devices, err := r.openPair(block.Exclusive)
	if err != nil {
		return err
	}
	defer devices.close()
	if err := unused(devices.meta); err != nil {
		return err
	}
	l, err := r.layout(devices)
	if err != nil {
		return err
	}
	volume, err := l.NewVolume(ctx, devices.data, devices.meta, r.keys.journal(), r.keys.hash)
	if err != nil {
		return explainJournal(err, r.args[0])
	}
	volume.Discards = r.discards
	volume.Progress = r.progress(devices.data.Path(), volume.Size(), "verified")
	report, err := volume.Verify(ctx)
	if err != nil {
		return err
	}
	return r.judge(volume, report)
}

// unused refuses an image whose bytes somebody else is changing through a loop device.
func unused(d *block.Device) error {
	if d.IsBlock() {
		return nil
	}
	faces, err := d.Faces()
	if err != nil {
		return err
	}
	for _, face := range faces {
		if len(face.Above()) > 0 {
			return setup.Failure(ui.InUse,
				"Cannot use device %s which is in use (already mapped or mounted).", d.Path())
		}
	}
	return nil
}

// explainJournal says of a journal that it is as bad as a wrong tag.
func explainJournal(err error, device string) error {
	if errors.Is(err, integrity.ErrJournal) {
		text := "The journal of " + device + " cannot be replayed, and the kernel would refuse the device: " +
			"" + err.Error() + "."
		return setup.Because(ui.Denied, text, err)
	}
	return explainField(err, device)
}

// judge reports what was found.
func (r *run) judge(volume *integrity.Volume, found *integrity.Report) error {
	v := verdictOf(r.args[0], volume, found)
	if r.json {
		if err := setup.JSON(r.ui.Out, v); err != nil {
			return err
		}
	} else {
		v.print(r.ui, r.report)
	}
	switch {
	case found.Mismatch+found.Unreadable > 0:
		r.ui.Errorf("Verification failed: %d of %d sectors are wrong.", found.Mismatch+found.Unreadable, v.Sectors)
	case found.Unchecked > 0:
		r.ui.Errorf("Verification is not complete: %d of %d sectors wait for tags.", found.Unchecked, v.Sectors)
	default:
		return nil
	}
	return setup.Silent(ui.Denied)
}

func verdictOf(device string, volume *integrity.Volume, found *integrity.Report) *verdict {
	v := &verdict{
		Device: device, Verdict: "verified", Sectors: volume.ProvidedSectors, Good: found.Good,
		Discarded: found.Discarded, Unchecked: found.Unchecked, Mismatch: found.Mismatch,
		Unreadable: found.Unreadable, Replayed: volume.Journal.Blocks(), More: found.More,
	}
	v.Cleared = volume.Journal != nil && volume.Journal.Cleared
	switch {
	case found.Mismatch+found.Unreadable > 0:
		v.Verdict = "corrupt"
	case found.Unchecked > 0:
		v.Verdict = "unchecked"
	}
	for _, run := range found.Bad {
		v.Bad = append(v.Bad, badRange{run.First, run.Sectors, volume.DataByte(run.First), run.Unreadable})
	}
	return v
}

// print shows the verdict, and with where every run of sectors that are wrong.
func (v *verdict) print(u *ui.UI, where bool) {
	if v.Cleared {
		u.Printf("The journal is not readable as one, and nothing in it counts; so the kernel has it, too.")
	}
	if v.Replayed > 0 {
		u.Printf("The journal holds %d blocks that are not in their places yet; they were taken from "+
			"there.", v.Replayed)
	}
	u.Printf("%s: %s", v.Device, v.Verdict)
	for _, line := range []struct {
		what string
		n    uint64
	}{
		{"good", v.Good},
		{"discarded", v.Discarded},
		{"without a tag yet", v.Unchecked},
		{"with a wrong tag", v.Mismatch},
		{"unreadable", v.Unreadable},
	} {
		if line.n > 0 {
			u.Printf("  %s: %s", line.what, sectors(line.n))
		}
	}
	if !where {
		return
	}
	for _, bad := range v.Bad {
		u.Printf("%s", bad.text())
	}
	if v.More > 0 {
		u.Printf("and %d more runs of sectors", v.More)
	}
}

func (b *badRange) text() string {
	why := "wrong tag"
	if b.Unreadable {
		why = "unreadable"
	}
	return fmt.Sprintf("sector %d, %d sectors, from byte %d of the device: %s", b.Sector, b.Sectors, b.Offset, why)
}
