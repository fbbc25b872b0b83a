// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// openVolume unlocks a volume and maps it, or with --test-passphrase only unlocks it.
func openVolume(ctx context.Context, c *command) error {
	switch kind := c.o.Type.Or("luks"); kind {
	case "luks", "luks1", "luks2":
	case "plain":
		return c.openPlain(ctx)
	default:
		return failure(ui.Failed, "Device type %s is not supported by this program.", kind)
	}
	if c.o.TestPassphrase {
		return c.testPassphrase(ctx)
	}
	return c.openLUKS(ctx)
}

func (c *command) testPassphrase(ctx context.Context) error {
	v, err := c.load(ctx, unlocked)
	if err != nil {
		return err
	}
	defer v.Close()
	how := c.opening(enterFor(v.path))
	how.unbound = c.o.Unbound
	key, err := c.unlock(ctx, v, how)
	if err != nil {
		return err
	}
	return key.Close()
}

// openLUKS checks everything that needs no passphrase before it asks for one.
func (c *command) openLUKS(ctx context.Context) error {
	name := c.Args[1]
	if err := checkName(name); err != nil {
		return err
	}
	v, err := c.load(ctx, unlocked)
	if err != nil {
		return err
	}
	defer v.Close()
	if err := c.supported(v); err != nil {
		return err
	}
	control, err := c.controlFor(name)
	if err != nil {
		return err
	}
	defer control.Close()
	data, err := c.dataDevice(c.o.ReadOnly)
	if err != nil {
		return err
	}
	defer data.Close()
	mapping, err := c.mapping(v, name, data)
	if err != nil {
		return err
	}
	link, err := c.link()
	if err != nil {
		return err
	}
	key, err := c.unlock(ctx, v, c.opening(enterFor(data.shown)))
	if err != nil {
		return err
	}
	defer key.Close()
	if err := c.notTooShort(v, data, key); err != nil {
		return err
	}
	undo, err := link.enter(key.Bytes())
	if err != nil {
		return err
	}
	if err := c.activate(ctx, control, v, mapping, key); err != nil {
		return errors.Join(err, undo())
	}
	return c.linkForGuard(v, data.path, key)
}

func checkName(name string) error {
	if strings.Contains(name, "/") {
		return failure(ui.Failed, "Name must not contain '/' character.")
	}
	_, err := dm.Mangle(name)
	return err
}

// controlFor opens the device-mapper and makes sure that the name is free.
func (c *command) controlFor(name string) (*dm.Control, error) {
	control, err := dm.Open()
	if err != nil {
		return nil, err
	}
	control.Warn = func(err error) { c.ui.Errorf("WARNING: %v", err) }
	_, err = control.Status(name)
	switch {
	case errors.Is(err, dm.ErrNotFound):
		return control, nil
	case err == nil:
		err = failure(ui.InUse, "Device %s already exists.", name)
	}
	return nil, errors.Join(err, control.Close())
}

// supported refuses requirements that are not met, and segments whose mapping is more than one crypt line.
func (c *command) supported(v *volume) error {
	err := v.CheckMappable()
	var segment *luks.SegmentError
	switch {
	case !errors.As(err, &segment):
		return err
	case segment.Integrity:
		return failure(ui.Failed, "Device %s uses authenticated encryption, which this program does not support.", v.path)
	}
	return failure(ui.Failed, "Device %s has a data segment of type %s, which this program does not support.", v.path, segment.Type)
}

// mapping describes the device to be made, the key still missing.
func (c *command) mapping(v *volume, name string, data *dataDevice) (activate.Mapping, error) {
	m, err := v.Mapping(name, data.Data)
	if c.o.Persistent {
		m.Flags = 0 // replaced by those of the command line
	}
	m.Flags |= c.flags()
	return m, deviceError(data.shown, err)
}

func (c *command) activate(ctx context.Context, control *dm.Control, v *volume, m activate.Mapping, key *luks.Key) error {
	m.Key = key.Buffer
	if v.Version == 2 && !c.o.DisableKeyring {
		m.KeyDescription = activate.LogonDescription(v.UUID, key.Digest)
	}
	if _, err := activate.Activate(ctx, control, m); err != nil {
		return c.nameTaken(m.Name, err)
	}
	if c.o.Persistent {
		return c.persist(ctx, v)
	}
	return nil
}

func (c *command) nameTaken(name string, err error) error {
	if errors.Is(err, dm.ErrExists) {
		return failure(ui.InUse, "Device %s already exists.", name)
	}
	return err
}

// openPlain maps a device without a header: the passphrase, hashed, is the key.
func (c *command) openPlain(ctx context.Context) error {
	p, err := c.plainOptions()
	if err != nil {
		return err
	}
	if err := c.deviceExists(); err != nil {
		return err
	}
	if err := checkName(c.Args[1]); err != nil {
		return err
	}
	control, err := c.controlFor(c.Args[1])
	if err != nil {
		return err
	}
	defer control.Close()
	data, err := c.dataDevice(c.o.ReadOnly)
	if err != nil {
		return err
	}
	defer data.Close()
	c.warnSignatures(data.path)
	key, err := c.plainKey(ctx, p, data.shown)
	if err != nil {
		return err
	}
	defer key.Close()
	return c.mapPlain(ctx, control, p, data, key)
}

func (c *command) mapPlain(ctx context.Context, control *dm.Control, p plainMapping, data *dataDevice, key *secret.Buffer) error {
	length, err := activate.Length(data.Size, c.o.Offset.V*512, p.size, p.sectorSize)
	if err != nil {
		return deviceError(data.shown, err)
	}
	m := activate.Mapping{
		Name: c.Args[1], Kind: activate.Plain, Device: data.Device, Offset: c.o.Offset.V, Length: length,
		IVOffset: c.o.Skip.V, Cipher: p.cipher, SectorSize: p.sectorSize, Key: key, Flags: c.flags(),
		ReadOnly: data.ReadOnly, ReadAhead: data.ReadAhead,
	}
	_, err = activate.Activate(ctx, control, m)
	return c.nameTaken(m.Name, err)
}
