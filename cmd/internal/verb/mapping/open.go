// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/cli"
	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/guarded"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/far"
)

// notTooShort refuses to map a volume with a far header shorter than the file system inside, which an
// older tool, to which the data reaches to the device's end, let grow over it.
func notTooShort(c *verb.Command, v *volume.Volume, data *dataDevice, key *luks.Key) error {
	if v.Version != 2 || v.Data.Dynamic {
		return nil
	}
	if _, _, found, _ := far.Find(v.Metadata()); !found {
		return nil
	}
	dev, err := block.Open(data.path, 0)
	if err != nil {
		return verb.DeviceError(data.path, err)
	}
	inside, err := v.Contents(dev, key)
	if closeErr := dev.Close(); closeErr != nil {
		return verb.DeviceError(data.path, closeErr)
	}
	if err != nil {
		c.UI.Debugf("end of the contents of %s: %v", data.shown, err)
		return nil
	}
	if uint64(inside.End) > v.Data.Size {
		return &verb.Notice{Text: fmt.Sprintf("The %s inside %s is %d bytes long, and the data before the far header only %d: it grew under an older tool. "+
			"Give the room of the far header back with \"%s far disable %s\".", inside.Kind, data.shown, inside.End, v.Data.Size, c.Program, data.shown), Code: ui.Failed}
	}
	return nil
}

// openOptions are those that only open takes.
type openOptions struct {
	linkForGuard bool
}

// Open declares the verb.
func Open() verb.Verb {
	var o openOptions
	return verb.Verb{
		Verb: cli.Verb{
			Name: "open", Group: cli.GroupMapping, Args: "<device> [--type <type>] [<name>]", MinArgs: 1,
			Summary: "unlock a device and map it as <name>",
			Aliases: []cli.Alias{
				{Name: "create", Type: "plain", Swapped: true},
				{Name: "plainOpen", Type: "plain"},
				{Name: "luksOpen", Type: "luks"},
				{Name: "loopaesOpen", Type: "loopaes"},
				{Name: "tcryptOpen", Type: "tcrypt"},
				{Name: "bitlkOpen", Type: "bitlk"},
				{Name: "fvault2Open", Type: "fvault2"},
				{Name: "refresh", Refresh: true},
			},
			Takes: cli.OfHeader + cli.OfPassphrase + cli.OfTokens + cli.OfVolumeKey + cli.OfMapping + "allow-discards cipher device-size disable-veracrypt external-tokens-path hash iv-large-sectors " +
				" key-description key-size key-slot link-vk-to-keyring offset persistent refresh " +
				"sector-size serialize-memory-hard-pbkdf shared size skip test-passphrase tcrypt-backup " +
				"tcrypt-hidden tcrypt-system tries type unbound veracrypt-pim veracrypt-query-pim header-from-far " +
				"",
			Options: []cli.Option{
				{
					Long: "link-for-guard", Into: &o.linkForGuard,
					Help: "let the guard enlarge the mapping: keep a kernel key that nobody can read until it is closed",
				},
			},
			Rules: openRules(&o),
			Needs: []cli.Need{openNeeds},
			About: []string{
				"Unlocks the volume on the device and maps its data as /dev/mapper/<name>. A regular file is " +
					"mapped through a loop device, which goes away with the mapping. With --test-passphrase the " +
					"passphrase is only checked; that needs neither a name nor device-mapper.",
				"With --type plain the device has no header: the passphrase, hashed by --hash, or the key file " +
					"as it is, becomes the key, and --cipher, --key-size, --offset, --skip, --size and --sector-size " +
					"say how.",
				"Where both copies of a LUKS2 header are sound nothing is written. A damaged copy is mended from " +
					"the other one, unless the device bears the signature of something else.",
			},
			Examples: []cli.Example{
				{What: "Unlock, with what is to be unlocked named by its UUID:", Line: "orthrus open UUID=8f3c2b1e-6d5a-4c7b-9e80-112233445566 data"},
				{What: "Ask whether a key file opens keyslot 1:", Line: "orthrus open --test-passphrase --key-slot 1 --key-file k /dev/sdb2"},
			},
		},
		Run: func(ctx context.Context, c *verb.Command) error { return openVolume(ctx, c, &o) },
	}
}

// openVolume unlocks a volume and maps it, or with --test-passphrase only unlocks it.
func openVolume(ctx context.Context, c *verb.Command, o *openOptions) error {
	if c.Opt.Refresh {
		return refresh(ctx, c)
	}
	switch kind := c.Opt.Type.Or("luks"); kind {
	case "luks", "luks1", "luks2":
	case "plain":
		return openPlain(ctx, c)
	default:
		return verb.Failure(ui.Failed, "Device type %s is not supported by this program.", kind)
	}
	if c.Opt.TestPassphrase {
		return testPassphrase(ctx, c)
	}
	return openLUKS(ctx, c, o)
}

func testPassphrase(ctx context.Context, c *verb.Command) error {
	v, err := volume.Load(ctx, c, volume.Unlocked)
	if err != nil {
		return err
	}
	defer v.Close()
	how := keys.Opening(c, keys.EnterFor(v.Path))
	how.Unbound = c.Opt.Unbound
	key, err := keys.Unlock(ctx, c, v, how)
	if err != nil {
		return err
	}
	return key.Close()
}

// openLUKS checks everything that needs no passphrase before it asks for one.
func openLUKS(ctx context.Context, c *verb.Command, o *openOptions) error {
	name := c.Args[1]
	if err := checkName(name); err != nil {
		return err
	}
	v, err := volume.Load(ctx, c, volume.Unlocked)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := volume.Supported(v); err != nil {
		return err
	}
	control, err := controlFor(c, name)
	if err != nil {
		return err
	}
	defer control.Close()
	data, err := openData(c, c.Opt.ReadOnly)
	if err != nil {
		return err
	}
	defer data.Close()
	mapping, err := mapping(c, v, name, data)
	if err != nil {
		return err
	}
	link, err := keys.Link(c)
	if err != nil {
		return err
	}
	key, err := keys.Unlock(ctx, c, v, keys.Opening(c, keys.EnterFor(data.shown)))
	if err != nil {
		return err
	}
	defer key.Close()
	if err := notTooShort(c, v, data, key); err != nil {
		return err
	}
	undo, err := link.Enter(key.Bytes())
	if err != nil {
		return err
	}
	if err := activateVolume(ctx, c, control, v, mapping, key); err != nil {
		return errors.Join(err, undo())
	}
	return guarded.LinkKey(c, v, data.path, key, o.linkForGuard)
}

func checkName(name string) error {
	if strings.Contains(name, "/") {
		return verb.Failure(ui.Failed, "Name must not contain '/' character.")
	}
	_, err := dm.Mangle(name)
	return err
}

// controlFor opens the device-mapper and makes sure that the name is free.
func controlFor(c *verb.Command, name string) (*dm.Control, error) {
	control, err := dm.Open()
	if err != nil {
		return nil, err
	}
	control.Warn = func(err error) { c.UI.Errorf("WARNING: %v", err) }
	_, err = control.Status(name)
	switch {
	case errors.Is(err, dm.ErrNotFound):
		return control, nil
	case err == nil:
		err = verb.Failure(ui.InUse, "Device %s already exists.", name)
	}
	return nil, errors.Join(err, control.Close())
}

// mapping describes the device to be made, the key still missing.
func mapping(c *verb.Command, v *volume.Volume, name string, data *dataDevice) (activate.Mapping, error) {
	m, err := v.Mapping(name, data.Data)
	if c.Opt.Persistent {
		m.Flags = 0 // replaced by those of the command line
	}
	m.Flags |= flags(c)
	return m, verb.DeviceError(data.shown, err)
}

func activateVolume(ctx context.Context, c *verb.Command, control *dm.Control, v *volume.Volume, m activate.Mapping, key *luks.Key) error {
	m.Key = key.Buffer
	if v.Version == 2 && !c.Opt.DisableKeyring {
		m.KeyDescription = activate.LogonDescription(v.UUID, key.Digest)
	}
	if _, err := activate.Activate(ctx, control, m); err != nil {
		return nameTaken(m.Name, err)
	}
	if c.Opt.Persistent {
		return persist(ctx, c, v)
	}
	return nil
}

func nameTaken(name string, err error) error {
	if errors.Is(err, dm.ErrExists) {
		return verb.Failure(ui.InUse, "Device %s already exists.", name)
	}
	return err
}

// openPlain maps a device without a header: the passphrase, hashed, is the key.
func openPlain(ctx context.Context, c *verb.Command) error {
	p, err := plainOptions(c)
	if err != nil {
		return err
	}
	if err := deviceExists(c); err != nil {
		return err
	}
	if err := checkName(c.Args[1]); err != nil {
		return err
	}
	control, err := controlFor(c, c.Args[1])
	if err != nil {
		return err
	}
	defer control.Close()
	data, err := openData(c, c.Opt.ReadOnly)
	if err != nil {
		return err
	}
	defer data.Close()
	volume.WarnSignatures(c, data.path)
	key, err := plainKey(ctx, c, p, data.shown)
	if err != nil {
		return err
	}
	defer key.Close()
	return mapPlain(ctx, c, control, p, data, key)
}

func mapPlain(ctx context.Context, c *verb.Command, control *dm.Control, p plainMapping, data *dataDevice, key *secret.Buffer) error {
	length, err := activate.Length(data.Size, c.Opt.Offset.V*512, p.size, p.sectorSize)
	if err != nil {
		return verb.DeviceError(data.shown, err)
	}
	m := activate.Mapping{
		Name: c.Args[1], Kind: activate.Plain, Device: data.Device, Offset: c.Opt.Offset.V, Length: length,
		IVOffset: c.Opt.Skip.V, Cipher: p.cipher, SectorSize: p.sectorSize, Key: key, Flags: flags(c),
		ReadOnly: data.ReadOnly, ReadAhead: data.ReadAhead,
	}
	_, err = activate.Activate(ctx, control, m)
	return nameTaken(m.Name, err)
}
