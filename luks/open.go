// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/relocate"
	"github.com/orthrus-luks/orthrus/luks/repair"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// OpenOptions say how Open maps a volume. All but Name may be left out.
type OpenOptions struct {
	Name     string // of the mapping, which is /dev/mapper/Name; it has no default
	ReadOnly bool   // the mapping, and a damaged copy of the header is not mended either
	Header   string // path of a detached header, or "UUID=…" and the like; empty where the device has its own
	// FromFar reads the far header of a device whose two heads are lost. Nothing is written, and Header is empty.
	FromFar bool
	Keyslot Slot // the one to try; left open, all are tried
	// VolumeKey: the key is the volume key itself and no passphrase.
	VolumeKey bool
	Flags     target.CryptFlags // beside those that the header keeps
	// Admit judges the costs of a keyslot before anything is derived; nil admits what kdf.OpeningLimits does.
	Admit func(kdf.Params) error
	// Warn is told of what does not keep the volume from opening, as a damaged copy of the header; nil for nobody.
	Warn func(error)
}

// Mapping is a volume that Open has mapped.
type Mapping struct {
	Name     string
	Path     string // of its node
	Size     uint64 // bytes
	ReadOnly bool   // also where the device, or the file system that the image is on, can only be read
	Keyslot  int    // that the passphrase opened; AnyKeyslot where the volume key was given
	made     dm.Info
	tagged   bool // it lies on a layer of tags, which goes with it
}

// Open unlocks the volume on a device, or in an image file, and maps its data. The device is a path or "UUID=…" and the
// like, the key a passphrase, which stays the caller's. It takes the steps of the verb open, in its order, so that what
// can fail without a key fails before one is derived: Inspect or the far header, what cannot be mapped, Heal, Claim,
// Unlock, Outgrown, Map. It takes root. Whether it fails or not, nothing but the mapping stays; that stays when the
// program ends, until Close or the verb close.
//
// Errors: a dm.NameError for a name that cannot be, dm.ErrExists for one that is taken, ErrNoDevice, those of Inspect,
// repair.FindFar, view.View.CheckMappable and Unlock, an activate.SizeError, block.ErrBusy, ErrUnsupported for a cipher
// that encrypts nothing, an ErrGeometry for a header that would lie in the data, a RoomError for what is Outgrown.
// A volume in the middle of a reencryption is a RequirementsError: the verb opens it. What was begun in several steps
// and cut off waits for Volume.Resume.
func Open(ctx context.Context, device string, key []byte, o OpenOptions) (m *Mapping, err error) {
	if _, err := dm.Mangle(o.Name); err != nil {
		return nil, err
	}
	path, header, err := o.places(device)
	if err != nil {
		return nil, err
	}
	v, err := o.inspect(ctx, path, header)
	if err != nil {
		return nil, inPlace(path, err)
	}
	defer func() { err = errors.Join(err, v.Close()) }()
	m, err = o.open(ctx, v, key)
	return m, inPlace(path, err)
}

// places resolves what names the data and the header.
func (o OpenOptions) places(device string) (data, header string, err error) {
	switch {
	case device == "":
		return "", "", ErrNoDevice
	case o.FromFar && o.Header != "":
		return "", "", fmt.Errorf("a detached header and the far header: %w", ErrUnsupported)
	}
	data, err = block.Resolve(device)
	if err == nil {
		header, err = block.Resolve(cmp.Or(o.Header, device))
	}
	return data, header, err
}

// inPlace names the device where an error does not.
func inPlace(path string, err error) error {
	var named *block.PathError
	if err == nil || errors.As(err, &named) {
		return err
	}
	return fmt.Errorf("%s: %w", path, err)
}

// inspect reads the header.
func (o OpenOptions) inspect(ctx context.Context, data, header string) (*Opening, error) {
	if !o.FromFar {
		return Inspect(ctx, Request{Header: header, Data: data, ReadOnly: o.ReadOnly})
	}
	file, err := OpenDevice(data, DeviceOptions{})
	if err != nil {
		return nil, err
	}
	found, err := repair.FindFar(ctx, file, true, func(far.Found) {})
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	v, err := Load(ctx, found.Device())
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	opening := NewOpening(v, Request{Data: data, ReadOnly: o.ReadOnly})
	opening.close = append(opening.close, file.Close)
	return opening, nil
}

// open is the way from a header that was read to the mapping.
func (o OpenOptions) open(ctx context.Context, v *Opening, key []byte) (*Mapping, error) {
	if err := mappable(v); err != nil {
		return nil, err
	}
	control, err := o.control()
	if err != nil {
		return nil, err
	}
	defer control.Close()
	if _, err := v.Heal(ctx); err != nil {
		o.warn(err)
	}
	if v.Choice.Reason == header.Conflicting {
		o.warn(header.ErrConflict)
	}
	if err := v.Claim(); err != nil {
		return nil, err
	}
	if _, err := v.Volume.Mapping(o.Name, v.Disk); err != nil {
		return nil, err
	}
	k, err := o.unlock(ctx, v.Volume, key)
	if err != nil {
		return nil, err
	}
	m, err := o.activate(ctx, control, v, k)
	return m, errors.Join(err, k.Close())
}

// mappable refuses what no key helps with.
func mappable(v *Opening) error {
	if err := v.CheckMappable(); err != nil {
		return err
	}
	if sector.IsNull(v.Data.Cipher) {
		return fmt.Errorf("cipher %s encrypts nothing: %w", v.Data.Cipher, ErrUnsupported)
	}
	if r := v.request; r.Header != "" && v.detached() && Overlaps(r.Header, r.Data, v.Data, v.MetadataEnd()) {
		return &GeometryError{What: "header", Why: "the data would lie where it is, in " + r.Header}
	}
	return nil
}

// control is the device-mapper, in which the name is free.
func (o OpenOptions) control() (*dm.Control, error) {
	control, err := dm.Open()
	if err != nil {
		return nil, err
	}
	control.Warn = o.warn
	_, err = control.Status(o.Name)
	if errors.Is(err, dm.ErrNotFound) {
		return control, nil
	}
	if err == nil {
		err = fmt.Errorf("%s: %w", o.Name, dm.ErrExists)
	}
	return nil, errors.Join(err, control.Close())
}

func (o OpenOptions) unlock(ctx context.Context, v *Volume, key []byte) (*Key, error) {
	if !o.VolumeKey {
		return v.Unlock(ctx, key, UnlockOptions{Keyslot: o.Keyslot, Admit: o.Admit})
	}
	taken, err := secret.Copy(key)
	if err != nil {
		return nil, err
	}
	return v.VerifyKey(ctx, taken)
}

func (o OpenOptions) activate(ctx context.Context, control *dm.Control, v *Opening, k *Key) (*Mapping, error) {
	// Where the contents end is known of a few file systems alone: that it is not known is no reason to warn.
	if inside, outgrown, _ := v.Outgrown(k); outgrown {
		return nil, &relocate.RoomError{End: uint64(inside.End), Size: v.Data.Size}
	}
	if err := v.Unchanged(); err != nil {
		return nil, err
	}
	m, err := v.Mapping(o.Name, k, false)
	if err != nil {
		return nil, err
	}
	m.Flags |= o.Flags
	made, err := v.Map(ctx, control, m)
	if err != nil {
		return nil, err
	}
	path, err := dm.Path(o.Name)
	return &Mapping{
		Name: o.Name, Path: path, Size: m.Length * 512, ReadOnly: m.ReadOnly, Keyslot: k.Keyslot, made: made,
		tagged: m.Tags != nil,
	}, err
}

func (o OpenOptions) warn(err error) {
	if o.Warn != nil {
		o.Warn(err)
	}
}

// patience is how long Close tries again, since udev's own looks at a device last moments.
const patience = 5 * time.Second

// Close removes the mapping, and with it the key from the kernel. One that is in use is tried for five seconds; then
// the error is a dm.BusyError that names who holds it. dm.ErrNotFound: it is gone already, and another that has its
// name by now is left alone. nil has nothing to remove.
func (m *Mapping) Close() error {
	if m == nil {
		return nil
	}
	control, err := dm.Open()
	if err != nil {
		return err
	}
	defer control.Close()
	now, err := control.Status(m.Name)
	if err != nil {
		return err
	}
	if now.UUID != m.made.UUID || now.Dev() != m.made.Dev() {
		return fmt.Errorf("%s: %w", m.Name, dm.ErrNotFound)
	}
	if m.tagged {
		return activate.RemoveTagged(context.Background(), control, m.Name)
	}
	_, err = control.Remove(context.Background(), m.Name, dm.RemoveOptions{Retry: patience})
	return err
}
