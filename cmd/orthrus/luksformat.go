// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// luksFormat makes a new volume. Everything is read, checked and derived before the first write:
// a missing key file never costs a header.
func luksFormat(ctx context.Context, c *command) error {
	p, err := c.formatPlan()
	if err != nil {
		return err
	}
	if c.o.DryRun {
		c.ui.Printf("%s: bytes 0 to %d: new LUKS%d header and keyslots, data from byte %d on", p.path, p.metadata-1, p.options.Version, p.data)
		if p.options.FarHeader {
			c.ui.Printf("%s: bytes %d to %d: far header", p.path, p.far.Start(), p.far.End()-1)
		}
		c.ui.Printf("Nothing was written.")
		return nil
	}
	if err := c.confirmFormat(ctx, p.path); err != nil {
		return err
	}
	passphrase, err := c.formatPassphrase(ctx, p.path)
	if err != nil {
		return err
	}
	defer passphrase.Close()
	if err := c.protection(ctx, &p.options); err != nil {
		return err
	}
	defer p.options.VolumeKey.Close()
	meta, err := c.metadataTarget(p)
	if err != nil {
		return err
	}
	p.options.Wipe = c.signaturesToWipe(meta)
	if p.small > 0 {
		c.ui.Printf("WARNING: keyslots area (%d bytes) is very small, available LUKS2 keyslot count is very limited.", p.small)
	}
	if err := c.format(ctx, meta, passphrase, p.options); err != nil {
		return errors.Join(err, meta.Close())
	}
	return meta.Close()
}

// formatPlan is what will be written, and where.
type formatPlan struct {
	path    string // of the metadata device
	size    uint64 // of it in bytes; 0 for a file, which can be made longer
	room    uint64 // bytes it must have
	small   uint64 // length of a keyslots area that is very small, bytes; 0 for others
	options luks.FormatOptions

	metadata, data uint64    // bytes that the header and the keyslots take, and where the data begins
	far            far.Place // of the far header, where options ask for one
}

// formatPlan decides what will be written where, and refuses what cannot be before anybody is asked
// anything.
func (c *command) formatPlan() (formatPlan, error) {
	var p formatPlan
	data, err := c.formatTarget()
	if err != nil {
		return p, err
	}
	if p.options, err = c.formatOptions(data); err != nil {
		return p, err
	}
	if err := errors.Join(slotInRange(p.options.Version, c.anyOrSlot()), c.checkKeyslot(p.options.Version)); err != nil {
		return p, err
	}
	if p.path, p.size, err = c.metadataSize(data); err != nil {
		return p, err
	}
	g, err := p.options.Check(p.size)
	if err != nil {
		return p, deviceError(p.path, err)
	}
	p.room, p.metadata, p.data = fileRoom(p.options, g), g.Room(), g.DataOffset
	if err := c.planFarHeader(&p, g, data.size); err != nil {
		return p, err
	}
	if g.DataOffset >= data.size {
		c.ui.Errorf("Device %s is too small for activation, there is no remaining space for data.", data.path)
	}
	if p.options.Version == 2 && g.VerySmall() {
		p.small = g.KeyslotsSize
	}
	return p, nil
}

// planFarHeader decides on a far header: as told, and otherwise there is one where it can be, but not
// under the name cryptsetup.
func (c *command) planFarHeader(p *formatPlan, g luks.Geometry, size uint64) error {
	if c.o.NoFarHeader || c.Program == "cryptsetup" && !c.o.FarHeader {
		return nil
	}
	plan, err := p.options.FarPlace(g, size)
	if err != nil && c.o.FarHeader {
		return &notice{text: fmt.Sprintf("Device %s: %s.", p.path, oneLine(err)), code: ui.Failed, err: err}
	}
	if err != nil {
		c.ui.Verbosef("No far header for %s: %v.", p.path, err)
		return nil
	}
	p.options.FarHeader, p.far = true, plan.Place
	return nil
}

// fileRoom is how long a file must be to hold the header, in bytes: up to the data where that is in
// the file too, and in LUKS1 up to where it would be, in whole pages, as cryptsetup makes it.
func fileRoom(o luks.FormatOptions, g luks.Geometry) uint64 {
	const page = 4096
	room := g.Room()
	if !o.Detached || o.Version == 1 {
		room = max(room, g.DataOffset)
	}
	if o.Version == 1 {
		room = (room + page - 1) / page * page
	}
	return room
}

// formatTarget is the data device as it was found.
type formatTarget struct {
	path string
	size uint64 // bytes
	topo block.Topology
	file bool // a regular file
}

// formatTarget looks at the data device, which nothing else may hold.
func (c *command) formatTarget() (formatTarget, error) {
	path, err := c.device()
	if err != nil {
		return formatTarget{}, err
	}
	dev, err := block.Open(path, block.ReadWrite|block.Exclusive)
	if errors.Is(err, block.ErrBusy) {
		return formatTarget{}, &notice{text: "Cannot format device " + path + " in use." + heldBy(path), code: ui.InUse, err: err}
	}
	if err != nil {
		return formatTarget{}, deviceError(path, err)
	}
	t, err := dev.Topology()
	if err != nil {
		return formatTarget{}, errors.Join(deviceError(path, err), dev.Close())
	}
	target := formatTarget{path: path, size: uint64(dev.Size()), topo: t, file: !dev.IsBlock()}
	if t.Zoned {
		return target, errors.Join(failure(ui.Failed, "Device %s is zoned, which LUKS headers cannot live on.", path), dev.Close())
	}
	return target, dev.Close()
}

// formatOptions gathers what the command line and the device say of the new volume.
func (c *command) formatOptions(d formatTarget) (luks.FormatOptions, error) {
	o := luks.FormatOptions{
		Version: 2, Cipher: c.o.Cipher.Or("aes-xts-plain64"), Hash: c.hash(), Label: c.o.Label.V, Subsystem: c.o.Subsystem.V,
		Detached: c.o.Header.Set, MetadataSize: c.o.LUKS2MetadataSize.V, KeyslotsSize: c.o.LUKS2KeyslotsSize.V,
		DataOffset: c.o.Offset.V * 512, NoData: true,
		Keyslot: luks.NewKeyslot{ID: c.anyOrSlot()},
	}
	switch kind := c.o.Type.Or("luks2"); kind {
	case "luks1":
		return c.formatOptions1(o, d)
	case "luks", "luks2":
	default:
		return o, failure(ui.Failed, "Unsupported LUKS metadata type %s.", kind)
	}
	if o.DataOffset%4096 != 0 {
		return o, failure(ui.Failed, "Data offset is not multiple of 4096 bytes.")
	}
	return c.formatPlaces(o, d)
}

// formatOptions1 leaves out what LUKS1 has no place for.
func (c *command) formatOptions1(o luks.FormatOptions, d formatTarget) (luks.FormatOptions, error) {
	o.Version = 1
	if c.o.SectorSize.Or(512) != 512 {
		return o, failure(ui.Failed, "Unsupported encryption sector size.")
	}
	if o.MetadataSize != 0 || o.KeyslotsSize != 0 {
		return o, failure(ui.Failed, "Unsupported LUKS2 metadata size options: LUKS1 has none.")
	}
	if o.Label != "" || o.Subsystem != "" {
		c.ui.Errorf("WARNING: LUKS1 has neither label nor subsystem; they are not stored.")
		o.Label, o.Subsystem = "", ""
	}
	return c.formatPlaces(o, d)
}

// formatPlaces decides on what depends on the device.
func (c *command) formatPlaces(o luks.FormatOptions, d formatTarget) (luks.FormatOptions, error) {
	if o.Detached {
		o.DataSize = d.size
	}
	c.alignment(&o, d)
	if err := c.cipher(&o); err != nil {
		return o, err
	}
	o.SectorSize = c.sectorSize(o, d)
	var err error
	o.UUID, err = c.chosenUUID()
	return o, err
}

func (c *command) chosenUUID() (string, error) {
	if c.o.UUID.Set {
		return parseUUID(c.o.UUID.V)
	}
	return newUUID()
}

// alignment: as told, or as the device likes it where that is no divisor of 1 MiB.
func (c *command) alignment(o *luks.FormatOptions, d formatTarget) {
	if c.o.AlignPayload.Set {
		o.Alignment = uint64(c.o.AlignPayload.V) * 512
		if o.Detached {
			o.DataOffset, o.Alignment = o.Alignment, 0
		}
		return
	}
	for _, io := range []int64{d.topo.OptIO, d.topo.MinIO} {
		if io > 0 && io%4096 == 0 && luks.DefaultAlignment%io != 0 && io <= luks.DefaultHeaderRoom {
			o.Alignment = uint64(io)
			return
		}
	}
}

// cipher decides the key size and refuses what neither user space nor the kernel can compute.
func (c *command) cipher(o *luks.FormatOptions) error {
	spec, err := sector.ParseSpec(o.Cipher)
	if err != nil {
		return failure(ui.Failed, "No known cipher specification pattern detected.")
	}
	if spec.IsNull() {
		return failure(ui.Failed, "Cipher %s encrypts nothing and is refused.", o.Cipher)
	}
	o.Cipher = spec.String()
	o.KeySize = 32
	if spec.Mode == "xts" {
		o.KeySize = 64
	}
	if len(c.o.KeySizes) > 0 {
		o.KeySize = int(c.o.KeySizes[0] / 8)
	}
	probe, err := sector.New(o.Cipher, make([]byte, o.KeySize), 512)
	if err != nil {
		return cipherError(o, err)
	}
	probe.Close()
	return nil
}

// cipherError says what is wrong with a cipher, key sizes in bits.
func cipherError(o *luks.FormatOptions, err error) error {
	why := "neither this program nor the kernel has it"
	var size *sector.KeySizeError
	if errors.As(err, &size) {
		why = "it takes another key size"
		for i, bytes := range size.Want {
			why += []string{": ", " or "}[min(i, 1)] + strconv.Itoa(bytes*8)
		}
	}
	return failure(ui.Failed, "Cipher %s with a key of %d bits cannot be used: %s.", o.Cipher, o.KeySize*8, why)
}

// sectorSize is the device's own, 4096 for files, where sizes allow it; what --sector-size says
// goes first.
func (c *command) sectorSize(o luks.FormatOptions, d formatTarget) int {
	if o.Version == 1 {
		return 512
	}
	if c.o.SectorSize.Set {
		return int(c.o.SectorSize.V)
	}
	size := max(d.topo.LogicalSector, d.topo.PhysicalSector)
	if d.file {
		size = 4096
	}
	if size < 512 || size > 4096 || d.size%uint64(size) != 0 || o.DataOffset%uint64(size) != 0 {
		return 512
	}
	return int(size)
}

// confirmFormat names what would be lost on the device or file at path, or asks for leave to make
// that file.
func (c *command) confirmFormat(ctx context.Context, path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return c.ui.Confirm(ctx, ui.Confirmation{Text: "Header file " + path + " does not exist, do you want to create it?"})
	}
	c.warnSignatures(path)
	return exitOnNo(ui.Failed, c.ui.Confirm(ctx, ui.Confirmation{Text: "This will overwrite data on " + path + " irrevocably."}))
}

// exitOnNo gives a declined question another exit code than most have.
func exitOnNo(code ui.ExitCode, err error) error {
	if errors.Is(err, ui.ErrDeclined) {
		return ui.WithCode(err, code)
	}
	return err
}

func (c *command) formatPassphrase(ctx context.Context, path string) (*secret.Buffer, error) {
	if c.o.KeyDescription.Set {
		return passphraseOfKeyring(c.o.KeyDescription.V)
	}
	r := c.existing(enterFor(path))
	r.Verify = c.ui.Verify(c.o.VerifyPassphrase, true)
	if r.KeyFile == "" && len(c.Args) > 1 {
		r.KeyFile = c.Args[1]
	}
	return c.ui.Secret(ctx, r)
}

// protection measures or takes the costs, and reads a given volume key.
func (c *command) protection(ctx context.Context, o *luks.FormatOptions) error {
	var err error
	if len(c.o.VolumeKeyFiles) > 0 {
		if o.VolumeKey, err = c.readKeyFile(ctx, c.o.VolumeKeyFiles[0], o.KeySize); err != nil {
			return err
		}
	}
	if o.Keyslot, err = c.newKeyslot(ctx, o.Version, o.KeySize, c.anyOrSlot()); err != nil {
		return err
	}
	o.DigestIterations, err = c.digestIterations(ctx)
	return err
}

// format writes; from here on the old content is gone.
func (c *command) format(ctx context.Context, meta *luks.File, passphrase *secret.Buffer, o luks.FormatOptions) error {
	o.Progress = c.wipeProgress(meta.Path())
	v, err := luks.Format(ctx, meta, passphrase.Bytes(), o)
	if err != nil {
		return deviceError(meta.Path(), err)
	}
	c.ui.Verbosef("Key slot %d created.", v.Keyslots[0].ID)
	return nil
}
