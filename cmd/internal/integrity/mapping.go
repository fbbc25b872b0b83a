// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"context"
	"errors"

	"golang.org/x/sys/unix"

	"github.com/orthrus-luks/orthrus/cmd/internal/setup"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// uuidPrefix begins the device-mapper's uuid of a mapping.
const uuidPrefix = "CRYPT-INTEGRITY-"

// openMapping maps a device. The superblock has been read and fits the devices before the kernel is asked.
func (r *run) openMapping(ctx context.Context) error {
	if err := r.readAlgorithms(ctx); err != nil {
		return err
	}
	control, err := setup.Control()
	if err != nil {
		return err
	}
	defer control.Close()
	if _, err := control.Status(r.args[1]); err == nil {
		return setup.Failure(ui.InUse, "Device %s already exists.", r.args[1])
	}
	devices, err := r.openPair(0)
	if err != nil {
		return err
	}
	defer devices.close()
	l, err := r.layout(devices)
	if err != nil {
		return err
	}
	if (l.Flags&integrity.HaveJournalMAC != 0) != (r.keys.mac != nil) {
		return setup.Failure(ui.Failed, "The journal of %s has a MAC where --journal-integrity is given, and only "+
			"there.", r.args[0])
	}
	if err := r.checkVersion(control, l); err != nil {
		return err
	}
	return r.activate(ctx, control, devices, l)
}

// feature is an option of the table, and the first version of the kernel's target that knows it.
type feature struct {
	wanted bool
	option string
	minor  uint32
	kernel string
}

// checkVersion refuses what the kernel is too old for, by name.
func (r *run) checkVersion(control *dm.Control, l *integrity.Layout) error {
	version, err := control.TargetVersion("integrity")
	if errors.Is(err, dm.ErrUnknownTarget) {
		return setup.Because(ui.InUse, "The kernel has no dm-integrity.", err)
	}
	if err != nil {
		return nil // before Linux 5.4 it does not tell; it refuses the table then
	}
	for _, f := range []feature{
		{r.dataDevice != "", "meta_device", 2, "4.19"},
		{r.recalculate, "recalculate", 2, "4.19"},
		{r.bitmap, "bitmap mode", 3, "5.2"},
		{l.Flags&integrity.FixPadding != 0, "fix_padding", 4, "5.5"},
		{r.discards, "allow_discards", 6, "5.7"},
		{l.Flags&integrity.FixHMAC != 0, "fix_hmac", 7, "5.11"},
		{r.legacyRecalculate, "legacy_recalculate", 7, "5.11"},
		{r.recalculateReset, "reset_recalculate", 8, "5.13"},
		{l.Flags&integrity.Inline != 0, "inline mode", 12, "6.11"},
	} {
		if f.wanted && !version.AtLeast(1, f.minor, 0) {
			return setup.Failure(ui.InUse,
				"The kernel's dm-integrity %v does not know %s, which Linux %s has.", version,
				f.option, f.kernel)
		}
	}
	return nil
}

// table is the mapping in the kernel's words.
func (r *run) table(l *integrity.Layout) *target.Integrity {
	t := &target.Integrity{
		Length: l.ProvidedSectors, TagSize: uint32(l.TagSize), Mode: r.mode(l), BlockSize: uint32(l.BlockSize()),
		BufferSectors: uint32(min(r.buffer, 1<<31)), Flags: r.flags(l),
		InternalHash: keyed(r.keys.hash), JournalMAC: keyed(r.keys.mac), JournalCrypt: keyed(r.keys.crypt),
	}
	if t.Mode == 'B' {
		t.SectorsPerBit, t.BitmapFlushInterval = r.sectorsPerBit, uint32(min(r.flushTime, 1<<31))
	} else {
		t.JournalWatermark, t.CommitTime = uint32(r.watermark), uint32(min(r.commitTime, 1<<31))
	}
	return t
}

func keyed(a *integrity.Algorithm) target.KeyedAlgorithm {
	if a == nil {
		return target.KeyedAlgorithm{}
	}
	return target.KeyedAlgorithm{Algorithm: a.Name, Key: a.Key}
}

func (r *run) mode(l *integrity.Layout) byte {
	switch {
	case r.recovery:
		return 'R'
	case l.Flags&integrity.Inline != 0:
		return 'I'
	case r.bitmap:
		return 'B'
	case r.noJournal:
		return 'D'
	}
	return 'J'
}

// flags has a recalculation that was begun go on, as integritysetup has it.
func (r *run) flags(l *integrity.Layout) (flags target.IntegrityFlags) {
	for _, one := range []struct {
		set  bool
		flag target.IntegrityFlags
	}{
		{r.recalculate || l.Flags&integrity.Recalculating != 0, target.Recalculate},
		{r.recalculateReset, target.Recalculate | target.ResetRecalculate},
		{r.discards, target.IntegrityDiscards},
		{l.Flags&integrity.FixPadding != 0, target.FixPadding},
		{l.Flags&integrity.FixHMAC != 0, target.FixHMAC},
		{r.legacyRecalculate, target.LegacyRecalculate},
	} {
		if one.set {
			flags |= one.flag
		}
	}
	return flags
}

func (r *run) activate(ctx context.Context, control *dm.Control, devices *pair, l *integrity.Layout) error {
	t := r.table(l)
	data, err := attach(devices.data)
	if err != nil {
		return err
	}
	defer data.close()
	if t.Device, err = data.number(); err != nil {
		return err
	}
	if devices.separate() {
		meta, err := attach(devices.meta)
		if err != nil {
			return err
		}
		defer meta.close()
		if t.MetaDevice, err = meta.number(); err != nil {
			return err
		}
	}
	_, err = control.Activate(ctx, dm.Plan{Name: r.args[1], UUID: uuidPrefix + r.args[1], Table: dm.Table{t}})
	return r.explainActivate(err)
}

// backing is a block device, or a loop device over an image file.
type backing struct {
	path string
	loop *block.Loop
}

func attach(d *block.Device) (*backing, error) {
	if d.IsBlock() {
		return &backing{path: d.Path()}, nil
	}
	loop, err := block.AttachLoop(d.Path(), block.LoopOptions{AutoClear: true})
	if err != nil {
		return nil, setup.Because(ui.NoDevice, "Cannot use a loop device for "+d.Path()+".", err)
	}
	return &backing{loop.Path, loop}, nil
}

func (b *backing) close() {
	if b.loop != nil {
		b.loop.Close()
	}
}

func (b *backing) number() (string, error) {
	var st unix.Stat_t
	if err := unix.Stat(b.path, &st); err != nil {
		return "", setup.Because(ui.NoDevice, "Device "+b.path+" does not exist or access denied.", err)
	}
	return dm.Number{Major: unix.Major(uint64(st.Rdev)), Minor: unix.Minor(uint64(st.Rdev))}.String(), nil
}

func (r *run) explainActivate(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, dm.ErrExists):
		return setup.Because(ui.InUse, "Device "+r.args[1]+" already exists.", err)
	case errors.Is(err, dm.ErrBusy):
		return setup.Because(ui.InUse,
			"Cannot use device "+r.args[0]+" which is in use (already mapped or mounted).", err)
	case errors.Is(err, unix.EOPNOTSUPP):
		return insecureRecalculation(err)
	}
	return setup.Because(ui.InUse, err.Error(), err)
}

func insecureRecalculation(err error) error {
	const text = "Kernel refuses to activate insecure recalculate option (see legacy activation options to override)."
	return setup.Because(ui.Failed, text, err)
}

func (r *run) closeMapping(ctx context.Context) error {
	return setup.Close(ctx, r.ui, r.args[0], setup.Removal{UUID: uuidPrefix, Deferred: r.deferred, Cancel: r.cancel})
}
