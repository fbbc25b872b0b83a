// SPDX-License-Identifier: Apache-2.0

package header

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/authentic"
	planning "github.com/orthrus-luks/orthrus/luks/format"
)

// authenticated decides cipher and keys of a volume with integrity, and refuses what would not open.
func authenticated(c *verb.Command, o *luks.FormatOptions) error {
	if o.Version == 1 {
		return verb.Failure(ui.Failed, "Integrity option can be used only for LUKS2 format.")
	}
	kind, err := integrity.KernelName(c.Opt.Integrity.V)
	if err != nil {
		return verb.Failure(ui.Failed, "No known integrity specification pattern detected.")
	}
	o.Integrity = planning.NewIntegrity(kind, c.Opt.IntegrityKeySize.V/8)
	o.LegacyPadding = c.Opt.IntegrityLegacyPadding
	s, err := o.Scheme()
	if err == nil {
		if o.KeySize = s.DefaultKey(); len(c.Opt.KeySizes) > 0 && c.Opt.KeySizes[0] > 0 {
			o.KeySize = int(c.Opt.KeySizes[0]/8) + s.MACKey
		}
		err = s.CheckKey(o.KeySize)
	}
	var scheme *authentic.SchemeError
	if errors.As(err, &scheme) {
		return verb.Failure(ui.Failed, "Cipher %s cannot be used with integrity %s: %s.", o.Cipher, c.Opt.Integrity.V,
			scheme.Why)
	}
	return err
}

// wipesTags makes sure, before anything is written, that the kernel maps such a volume: its sectors are initialised
// through a mapping. Where that is left out, no kernel is needed.
func wipesTags(c *verb.Command, p *formatPlan) (err error) {
	if !p.options.Tagged() || c.Opt.IntegrityNoWipe || c.Opt.DryRun {
		return nil
	}
	control, err := dm.Open()
	if err == nil {
		defer control.Close()
		if _, err = control.TargetVersion("integrity"); !errors.Is(err, dm.ErrUnknownTarget) {
			err = nil // before Linux 5.4 nobody can tell
		}
	}
	if err == nil {
		err = kernelMaps(control, p)
	}
	if err == nil {
		return nil
	}
	return &verb.Notice{
		Text: "Nothing was written: the sectors are initialised through a mapping, which cannot be made here (" +
			verb.OneLine(err) + "). With --integrity-no-wipe they are not, and are errors until they are written.",
		Code: ui.Failed, Err: err,
	}
}

// kernelMaps asks the kernel for the cipher. It looks for that before it finds that the device has no tags.
func kernelMaps(control *dm.Control, p *formatPlan) error {
	s, err := p.options.Scheme()
	if err != nil {
		return err
	}
	data := luks.NewOpening(nil, luks.Request{Data: p.dataPath, ReadOnly: true})
	defer data.Close()
	if err := data.Claim(); err != nil {
		return verb.DeviceError(p.dataPath, err)
	}
	key, err := secret.New(p.options.KeySize)
	if err != nil {
		return err
	}
	defer key.Close()
	copy(key.Bytes(), "a key that keeps nothing; its halves differ, as some modes want it to be")
	m := activate.Mapping{
		Name: temporary(p), Kind: activate.Lower, Device: data.Disk.Device, Length: 8, Cipher: s.Kernel, Key: key,
		SectorSize: p.options.SectorSize, ReadOnly: true,
		Tag: activate.Tag{Size: uint32(s.TagSize()), Kind: s.Kind},
	}
	if s.Unusual {
		m.Tag.KeySize = uint32(s.MACKey)
	}
	err = activate.Probe(context.Background(), control, m)
	if errors.Is(err, dm.ErrUnknownCipher) || errors.Is(err, dm.ErrUnknownTarget) {
		return err
	}
	return nil
}

// temporary is the name of the mapping through which sectors are initialised, in cryptsetup's way.
func temporary(p *formatPlan) string { return "temporary-cryptsetup-" + p.options.UUID }

// tagsApart makes the layer of tags on the device of the data, where the header lies elsewhere.
func tagsApart(ctx context.Context, c *verb.Command, v *luks.Volume, p *formatPlan) error {
	how := luks.DeviceOptions{Write: true, Exclusive: true, NoLocks: c.Opt.DisableLocks}
	data, err := luks.OpenDevice(p.dataPath, how)
	if err != nil {
		return verb.DeviceError(p.dataPath, err)
	}
	return errors.Join(luks.WriteTags(ctx, data, &p.options, v.Data.Offset), data.Close())
}

// wipeTags writes zeros to all sectors, through a mapping without a journal, so that each has a tag.
func wipeTags(ctx context.Context, c *verb.Command, p *formatPlan) (err error) {
	if !p.options.Tagged() {
		return nil
	}
	if c.Opt.IntegrityNoWipe {
		c.UI.Advisef("Sectors of %s are errors until they are written.", p.dataPath)
		return nil
	}
	o, err := luks.Inspect(ctx, luks.Request{Header: p.path, Data: p.dataPath, NoLocks: c.Opt.DisableLocks})
	if err != nil {
		return verb.DeviceError(p.path, err)
	}
	defer func() { err = errors.Join(err, o.Close()) }()
	control, err := dm.Open()
	if err != nil {
		return err
	}
	defer control.Close()
	if err = o.Claim(); err != nil {
		return verb.DeviceError(p.dataPath, err)
	}
	m, err := o.Mapping(temporary(p), &luks.Key{Buffer: p.options.VolumeKey}, true)
	if err != nil {
		return verb.DeviceError(p.dataPath, err)
	}
	activate.SetMode(m.Tags, activate.Direct)
	if _, err := o.Map(ctx, control, m); err != nil {
		return err
	}
	if !c.UI.Batch {
		c.UI.Printf("Wiping device to initialize integrity checksum.\nYou can interrupt this by pressing CTRL+c " +
			"(rest of not wiped device will contain invalid checksum).")
	}
	done, err := zeroAll(ctx, c, p, m.Length*512)
	if err != nil {
		err = fmt.Errorf("%d of %d bytes of %s are initialised, the rest are errors until they are written: %w",
			done, m.Length*512, p.dataPath, err)
	}
	return errors.Join(err, activate.RemoveTagged(ctx, control, m.Name))
}

// zeroAll writes zeros to the mapping, which is size bytes long.
func zeroAll(ctx context.Context, c *verb.Command, p *formatPlan, size uint64) (done uint64, err error) {
	node, err := os.OpenFile("/dev/mapper/"+temporary(p), os.O_WRONLY, 0)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, node.Close()) }()
	progress := progressOf(c, p.dataPath)
	for zeros := make([]byte, 1<<20); done < size; {
		if err := ctx.Err(); err != nil {
			return done, err
		}
		n, err := node.Write(zeros[:min(uint64(len(zeros)), size-done)])
		done += uint64(n)
		if err != nil {
			return done, err
		}
		progress(done, size)
	}
	return done, node.Sync()
}
