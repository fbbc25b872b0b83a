// SPDX-License-Identifier: Apache-2.0

package header

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/uuid"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/sector"
	"github.com/orthrus-luks/orthrus/luks/view"
)

// luksFormatOptions are those that only luksFormat takes.
type luksFormatOptions struct {
	farHeader   bool
	noFarHeader bool
}

// LuksFormat declares the verb.
func LuksFormat() verb.Verb {
	var o luksFormatOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "luksFormat", Group: cli.GroupHeader, Args: "<device> [<new key file>]", MinArgs: 1, First: 2,
			Summary: "make a LUKS volume, overwriting what is there",
			Takes: cli.OfWriter + cli.OfPassphrase + cli.OfNewKeyslot +
				"align-payload cipher disable-blkid force-password hw-opal hw-opal-only integrity " +
				"integrity-inline integrity-no-wipe key-description key-size key-slot label luks2-keyslots-size " +
				"luks2-metadata-size null-cipher offset progress-json progress-frequency sector-size subsystem " +
				"type use-random use-urandom uuid volume-key-file",
			Options: []cli.Option{
				{
					Long: "far-header", Into: &o.farHeader,
					Help: "keep a third copy of the header near the device's end (default, where there is room)",
				},
				{Long: "no-far-header", Into: &o.noFarHeader, Help: "keep no third copy of the header"},
			},
			Rules:  []cli.Rule{formatOffset, formatIntegrityWipe, formatRandom, o.farRule},
			Needs:  []cli.Need{cli.NeedsLUKS},
			Remark: cli.KeyFileWins,
			About: []string{
				"Makes a new volume, LUKS2 unless --type luks1 is given. Sizes, cipher, key file and costs are " +
					"checked before anybody is asked and before anything is written. Old signatures are wiped, " +
					"unless --disable-blkid is given.",
				"The cost of key derivation is measured, to take --iter-time on this machine; " +
					"--pbkdf-force-iterations takes it as given.",
				"With --header the header goes into a device or file of its own, which is made where it is " +
					"missing, and the data device is left alone.",
				"With --integrity each sector is authenticated: one that was changed without the key is an error to " +
					"whoever reads it. The cipher decides: \"--cipher aes-gcm-random --integrity aead\" (or " +
					"aegis128-random), \"--cipher chacha20-random --integrity poly1305\", or \"--integrity " +
					"hmac-sha256\" (or hmac-sha512) with aes-xts-plain64 or aes-xts-random. Sectors that were never " +
					"written are errors, too: zeros are written to all of them through a mapping, which needs root, " +
					"unless --integrity-no-wipe is given. Each write goes through a journal; with open " +
					"--integrity-no-journal a crash can leave sectors that cannot be read. Somebody can still put an " +
					"old state of the whole device back. Such a volume is neither resized nor reencrypted, and has " +
					"no far header.",
				"What the guard keeps of a volume whose header still lies there is destroyed with it.",
			},
			Examples: []cli.Example{
				{What: "A volume with a label:", Line: "orthrus luksFormat --label backup /dev/sdb2"},
				{
					What: "From a script, the passphrase on a pipe:",
					Line: "printf %s \"$secret\" | orthrus luksFormat -q --key-file - /dev/sdb2",
				},
			},
			SeeAlso: []string{"open", "luksAddKey", "far"},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return luksFormat(ctx, c, &o) },
	}
}

func formatOffset(inv *cli.Invocation) string {
	both := inv.Options.AlignPayload.Set && inv.Options.Offset.Set
	return cli.Refuse(both, "Options --align-payload and --offset cannot be combined.")
}

func formatIntegrityWipe(inv *cli.Invocation) string {
	alone := inv.Options.IntegrityNoWipe && !inv.Options.Integrity.Set
	return cli.Refuse(alone, "Option --integrity-no-wipe can be used only for format action with integrity extension.")
}

func formatRandom(inv *cli.Invocation) string {
	both := inv.Options.UseRandom && inv.Options.UseURandom
	return cli.Refuse(both, "Only one of --use-[u]random options is allowed.")
}

func (o *luksFormatOptions) farRule(*cli.Invocation) string {
	return cli.Refuse(o.farHeader && o.noFarHeader, "Options --far-header and --no-far-header cannot be combined.")
}

// luksFormat makes a new volume. Everything is read, checked and derived before the first write:
// a missing key file never costs a header.
func luksFormat(ctx context.Context, c *verb.Command, o *luksFormatOptions) error {
	p, err := planFormat(c, o)
	if err != nil {
		return err
	}
	if c.Opt.DryRun {
		c.UI.Printf("%s: bytes 0 to %d: new LUKS%d header and keyslots, data from byte %d on", p.path, p.metadata-1,
			p.options.Version, p.data)
		if p.options.FarHeader {
			c.UI.Printf("%s: bytes %d to %d: far header", p.path, p.far.Start(), p.far.End()-1)
		}
		err := guarded.NameEnded(ctx, c, p.path)
		c.UI.Printf("Nothing was written.")
		return err
	}
	if err := confirmFormat(ctx, c, p.path); err != nil {
		return err
	}
	passphrase, err := formatPassphrase(ctx, c, p.path)
	if err != nil {
		return err
	}
	defer passphrase.Close()
	if err := protection(ctx, c, &p.options); err != nil {
		return err
	}
	defer p.options.VolumeKey.Close()
	meta, err := metadataTarget(c, &p)
	if err != nil {
		return err
	}
	p.options.Wipe = volume.SignaturesToWipe(c, meta)
	if p.small > 0 {
		c.UI.Printf("WARNING: keyslots area (%d bytes) is very small, available LUKS2 keyslot count is very limited.",
			p.small)
	}
	if err := errors.Join(formatOver(ctx, c, meta, passphrase, p), meta.Close()); err != nil {
		return err
	}
	return wipeTags(ctx, c, &p)
}

// formatPlan is what will be written, and where.
type formatPlan struct {
	path     string // of the metadata device
	dataPath string // of that of the data
	size     uint64 // of it in bytes; 0 for a file, which can be made longer
	room     uint64 // bytes it must have
	small    uint64 // length of a keyslots area that is very small, bytes; 0 for others
	options  luks.FormatOptions

	metadata, data uint64    // bytes that the header and the keyslots take, and where the data begins
	far            far.Place // of the far header, where options ask for one
	withoutFar     string    // why there is none
}

// planFormat decides what will be written where, and refuses what cannot be before anybody is asked
// anything.
func planFormat(c *verb.Command, o *luksFormatOptions) (formatPlan, error) {
	var p formatPlan
	data, err := findTarget(c)
	if err != nil {
		return p, err
	}
	if p.options, err = gatherOptions(c, data); err != nil {
		return p, err
	}
	if p.options.Version == 1 && c.Opt.PBKDF.Or(kdf.PBKDF2) != kdf.PBKDF2 { // it says so, and goes on
		c.UI.Errorf("%s", keys.NotForLUKS1)
		c.Opt.PBKDF = cli.Value[string]{}
		if p.options, err = gatherOptions(c, data); err != nil {
			return p, err
		}
	}
	if err := errors.Join(keys.SlotInRange(p.options.Version, keys.AnyOrSlot(c)),
		keys.CheckKeyslot(c, p.options.Version)); err != nil {
		return p, err
	}
	if p.path, p.size, err = metadataSize(c, data); err != nil {
		return p, err
	}
	g, err := p.options.Check(p.size)
	if err != nil {
		return p, verb.DeviceError(p.path, err)
	}
	p.room, p.metadata, p.data = fileRoom(p.options, g), g.Room(), g.DataOffset
	if err := volume.Apart(c, luks.Data{Offset: p.data, Dynamic: true}, p.metadata); err != nil {
		return p, err
	}
	if err := planFarHeader(c, o, &p, g, data.size); err != nil {
		return p, err
	}
	p.dataPath = data.path
	if err := wipesTags(c, &p); err != nil {
		return p, err
	}
	if g.DataOffset >= data.size {
		c.UI.Errorf("Device %s is too small for activation, there is no remaining space for data.", data.path)
	}
	if p.options.Version == 2 && g.VerySmall() {
		p.small = g.KeyslotsSize
	}
	return p, nil
}

// planFarHeader decides on a far header: as told, and otherwise there is one where it can be, but not
// under the name cryptsetup.
func planFarHeader(c *verb.Command, o *luksFormatOptions, p *formatPlan, g luks.Geometry, size uint64) error {
	if o.noFarHeader || c.StandsIn() && !o.farHeader {
		p.withoutFar = "--no-far-header was given"
		return nil
	}
	plan, err := p.options.FarPlace(g, size)
	if err != nil && o.farHeader {
		return &verb.Notice{Text: fmt.Sprintf("Device %s: %s.", p.path, verb.OneLine(err)), Code: ui.Failed, Err: err}
	}
	if err != nil {
		c.UI.Verbosef("No far header for %s: %v.", p.path, err)
		p.withoutFar = whyNoFar(err)
		return nil
	}
	p.options.FarHeader, p.far = true, plan.Place
	return nil
}

// whyNoFar ends "no far header: ".
func whyNoFar(err error) string {
	if errors.Is(err, luks.ErrNoFarRoom) {
		return "the device is too small for one"
	}
	_, why, _ := strings.Cut(verb.OneLine(err), ": ")
	return cmp.Or(why, verb.OneLine(err))
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
		room = extent.Up(room, page)
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

// findTarget looks at the data device, which nothing else may hold.
func findTarget(c *verb.Command) (formatTarget, error) {
	path, err := volume.Named(c)
	if err != nil {
		return formatTarget{}, err
	}
	dev, err := block.Open(path, block.ReadWrite|block.Exclusive)
	if errors.Is(err, block.ErrBusy) {
		return formatTarget{}, &verb.Notice{
			Text: "Cannot format device " + path + " in use." + verb.HeldBy(path),
			Code: ui.InUse, Err: err,
		}
	}
	if err != nil {
		return formatTarget{}, verb.DeviceError(path, err)
	}
	t, err := dev.Topology()
	if err != nil {
		return formatTarget{}, errors.Join(verb.DeviceError(path, err), dev.Close())
	}
	target := formatTarget{path: path, size: uint64(dev.Size()), topo: t, file: !dev.IsBlock()}
	if t.Zoned {
		return target, errors.Join(verb.Failure(ui.Failed, "Device %s is zoned, which LUKS headers cannot live on.",
			path), dev.Close())
	}
	return target, dev.Close()
}

// gatherOptions gathers what the command line and the device say of the new volume.
func gatherOptions(c *verb.Command, d formatTarget) (luks.FormatOptions, error) {
	label, subsystem := labels(c)
	o := luks.FormatOptions{
		Version: 2, Cipher: c.Opt.Cipher.Or("aes-xts-plain64"), Hash: keys.Hash(c), Label: label,
		Subsystem: subsystem,
		Detached:  c.Opt.Header.Set, MetadataSize: c.Opt.LUKS2MetadataSize.V, KeyslotsSize: c.Opt.LUKS2KeyslotsSize.V,
		DataOffset: c.Opt.Offset.V * 512, NoData: true,
		Keyslot: luks.NewKeyslot{ID: luks.At(keys.AnyOrSlot(c))},
	}
	if o.DataOffset%4096 != 0 {
		return o, verb.Failure(ui.Failed, "Data offset is not multiple of 4096 bytes.")
	}
	switch kind := c.Opt.Type.Or("luks2"); kind {
	case "luks1":
		return formatOptions1(c, o, d)
	case "luks", "luks2":
	default:
		return o, verb.Failure(ui.Failed, "Unsupported LUKS metadata type %s.", kind)
	}
	return formatPlaces(c, o, d)
}

// formatOptions1 leaves out what LUKS1 has no place for.
func formatOptions1(c *verb.Command, o luks.FormatOptions, d formatTarget) (luks.FormatOptions, error) {
	o.Version = 1
	if c.Opt.SectorSize.Or(512) != 512 {
		return o, verb.Failure(ui.Failed, "Unsupported encryption sector size.")
	}
	if c.Opt.LUKS2MetadataSize.Set || c.Opt.LUKS2KeyslotsSize.Set {
		return o, verb.Failure(ui.Failed, "Unsupported LUKS2 metadata size options: LUKS1 has none.")
	}
	if o.Label != "" || o.Subsystem != "" {
		c.UI.Errorf("WARNING: LUKS1 has neither label nor subsystem; they are not stored.")
		o.Label, o.Subsystem = "", ""
	}
	return formatPlaces(c, o, d)
}

// formatPlaces decides on what depends on the device.
func formatPlaces(c *verb.Command, o luks.FormatOptions, d formatTarget) (luks.FormatOptions, error) {
	if o.Detached {
		o.DataSize = d.size
	}
	alignment(c, &o, d)
	if err := cipher(c, &o); err != nil {
		return o, err
	}
	o.SectorSize = sectorSize(c, o, d)
	var err error
	o.UUID, err = chosenUUID(c)
	return o, err
}

func chosenUUID(c *verb.Command) (string, error) {
	if c.Opt.UUID.Set {
		return parseUUID(c.Opt.UUID.V)
	}
	return uuid.New(), nil
}

// alignment: as told, or as the device likes it where that is no divisor of 1 MiB. What the device counts its
// boundaries from goes on top, where nobody said how the data is to lie.
func alignment(c *verb.Command, o *luks.FormatOptions, d formatTarget) {
	if c.Opt.AlignPayload.Set {
		o.Alignment = uint64(c.Opt.AlignPayload.V) * 512
		if o.Detached {
			o.DataOffset, o.Alignment = o.Alignment, 0
		}
		return
	}
	o.AlignmentOffset = uint64(max(d.topo.AlignmentOffset, 0))
	for _, io := range []int64{d.topo.OptIO, d.topo.MinIO} {
		if io > 0 && io%4096 == 0 && luks.DefaultAlignment%io != 0 && io <= luks.DefaultHeaderRoom {
			o.Alignment = uint64(io)
			return
		}
	}
}

// cipher decides the key size and refuses what neither user space nor the kernel can compute.
func cipher(c *verb.Command, o *luks.FormatOptions) error {
	if c.Opt.Integrity.Set {
		return authenticated(c, o)
	}
	spec, err := sector.ParseSpec(o.Cipher)
	if err != nil {
		return verb.Failure(ui.Failed, "No known cipher specification pattern detected.")
	}
	if err := volume.AllowCipher(c, o.Cipher); err != nil {
		return err
	}
	o.Cipher = spec.String()
	o.KeySize = 32 * spec.KeyCount()
	if len(c.Opt.KeySizes) > 0 && c.Opt.KeySizes[0] > 0 { // 0 is the default
		o.KeySize = int(c.Opt.KeySizes[0] / 8)
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
	return verb.Failure(ui.Failed, "Cipher %s with a key of %d bits cannot be used: %s.", o.Cipher, o.KeySize*8, why)
}

// sectorSize is the device's own, 4096 for files, where sizes allow it; what --sector-size says
// goes first.
func sectorSize(c *verb.Command, o luks.FormatOptions, d formatTarget) int {
	if o.Version == 1 {
		return 512
	}
	if c.Opt.SectorSize.Set {
		return int(c.Opt.SectorSize.V)
	}
	size := max(d.topo.LogicalSector, d.topo.PhysicalSector)
	if d.file {
		size = 4096
	}
	if size < 512 || size > 4096 || d.size%uint64(size) != 0 || o.DataOffset%uint64(size) != 0 ||
		o.Alignment%uint64(size) != 0 || o.AlignmentOffset%uint64(size) != 0 {
		return 512
	}
	return int(size)
}

// confirmFormat names what would be lost on the device or file at path, or asks for leave to make
// that file.
func confirmFormat(ctx context.Context, c *verb.Command, path string) error {
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return c.UI.Confirm(ctx, ui.Confirmation{Text: "Header file " + path +
			" does not exist, do you want to create it?"})
	}
	volume.WarnSignatures(c, path)
	return volume.ExitOnNo(ui.Failed, c.UI.Confirm(ctx, ui.Confirmation{Text: "This will overwrite data on " + path +
		" irrevocably."}))
}

func formatPassphrase(ctx context.Context, c *verb.Command, path string) (*secret.Buffer, error) {
	if c.Opt.KeyDescription.Set && keys.KeyFile(c) == "" {
		return keys.PassphraseOfKeyring(c.Opt.KeyDescription.V)
	}
	r := keys.Existing(c, keys.EnterFor(path))
	r.Verify = c.UI.Verify(c.Opt.VerifyPassphrase, true)
	if r.KeyFile == "" && len(c.Args) > 1 {
		r.KeyFile = c.Args[1]
	}
	return c.UI.Secret(ctx, r)
}

// protection measures or takes the costs, and reads a given volume key.
func protection(ctx context.Context, c *verb.Command, o *luks.FormatOptions) error {
	var err error
	if len(c.Opt.VolumeKeyFiles) > 0 {
		if o.VolumeKey, err = keys.ReadKeyFile(ctx, c, c.Opt.VolumeKeyFiles[0], o.KeySize); err != nil {
			return err
		}
	}
	if o.Keyslot, err = keys.NewKeyslot(ctx, c, o.Version, o.KeySize, keys.AnyOrSlot(c)); err != nil {
		return err
	}
	if o.DigestIterations, err = keys.DigestIterations(ctx, c); err != nil || o.Integrity == nil {
		return err
	}
	key, err := o.Key() // wanted again, to wipe
	if err == nil {
		err, o.VolumeKey = o.VolumeKey.Close(), key
	}
	return err
}

// formatOver makes an end of the volume that lies there, and of what is kept of it. Where no header of it can be read,
// nobody knows which volume it was, and what is kept stays: it may be of a volume that lies elsewhere.
func formatOver(ctx context.Context, c *verb.Command, meta *luks.File, passphrase *secret.Buffer,
	p formatPlan,
) error {
	former, err := luks.Load(ctx, meta)
	if err != nil {
		c.UI.Debugf("no volume lies on %s: %v", meta.Path(), err)
		return format(ctx, c, meta, passphrase, p)
	}
	before := []view.View{former.View}
	beyond := farBeyond(c, former, meta)
	err = guarded.Settle(ctx, c, before, meta, format(ctx, c, meta, passphrase, p))
	if err == nil && beyond != nil {
		return beyond
	}
	return err
}

// farBeyond names a far header of the volume that lay there whose place the device does not reach any more: it cannot
// be wiped, and once the device has its length again it is there.
func farBeyond(c *verb.Command, former *luks.Volume, meta *luks.File) error {
	if former.Version != 2 || c.Opt.Header.Set {
		return nil
	}
	t, _, _, err := far.Find(former.Metadata())
	for _, place := range t.Places() {
		_, severed := far.Severed(meta, former.Choice.Copy, place)
		if err == nil && place.End() > uint64(meta.Size()) && !severed {
			return &luks.FarError{Place: place, Err: far.ErrCutOff, Made: true}
		}
	}
	return nil
}

// format writes; from here on the old content is gone.
func format(ctx context.Context, c *verb.Command, meta *luks.File, passphrase *secret.Buffer,
	p formatPlan,
) error {
	o := p.options
	o.Progress = wipeProgress(c, meta.Path())
	v, err := luks.Format(ctx, meta, passphrase.Bytes(), o)
	if err == nil && o.Integrity != nil && o.Detached {
		err = tagsApart(ctx, c, v, &p)
	}
	if err != nil {
		return verb.DeviceError(meta.Path(), err)
	}
	c.UI.Verbosef("Key slot %d created.", v.Keyslots[0].ID)
	tellFormatted(c, v, p)
	return nil
}

// tellFormatted says what the volume is, and whether there is a third copy of its header.
func tellFormatted(c *verb.Command, v *luks.Volume, p formatPlan) {
	third := "no far header: " + p.withoutFar
	if p.options.FarHeader {
		third = fmt.Sprintf("far header at byte %d", p.far.Start())
	}
	c.UI.Advisef("%s is LUKS%d now, UUID %s, keyslot %d; %s.", p.path, v.Version, v.UUID, v.Keyslots[0].ID, third)
	c.AdviseBackup("Keep a header backup on another medium:", p.path)
}
