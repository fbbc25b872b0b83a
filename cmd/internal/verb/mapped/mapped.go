// SPDX-License-Identifier: Apache-2.0

package mapped

import (
	"context"
	"errors"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// Mapped is an active mapping that is about to be changed.
type Mapped struct {
	Control *dm.Control
	Name    string
	Info    dm.Info
	table   dm.Table
	Crypt   *target.Crypt // its only line
	Kind    string        // LUKS1, LUKS2, PLAIN
	Device  string        // path of the data device
}

// Find finds the mapping that arg names. The caller closes it.
func Find(c *verb.Command, arg string) (*Mapped, error) {
	control, err := Mapper(c, arg)
	if err != nil {
		return nil, err
	}
	name := MappingName(arg)
	m := &Mapped{Control: control, Name: name}
	if m.table, m.Info, err = control.Table(name, dm.Active); err != nil {
		if errors.Is(err, dm.ErrNotFound) || errors.Is(err, dm.ErrName) {
			err = NotActive(arg)
		}
		return nil, errors.Join(err, control.Close())
	}
	var isCrypt bool
	if len(m.table) == 1 {
		m.Crypt, isCrypt = m.table[0].(*target.Crypt)
	}
	m.Kind = MappingType(m.Info.UUID)
	if !isCrypt || m.Kind == "" {
		return nil, errors.Join(verb.Failure(ui.Failed, "Device %s is not a mapping that this program can change.", name), m.Close())
	}
	m.Device = DevicePath(m.Crypt.Device)
	return m, nil
}

// Close wipes the table and closes the device-mapper.
func (m *Mapped) Close() error { return errors.Join(m.table.Close(), m.Control.Close()) }

// volume loads the header of a LUKS mapping: from --header, or from the data device.
func VolumeOf(ctx context.Context, c *verb.Command, m *Mapped) (*volume.Volume, error) {
	if !c.Opt.Header.Set {
		c.Args = []string{m.Device}
	}
	v, err := volume.Load(ctx, c, volume.Unlocked)
	if err != nil {
		return nil, err
	}
	if bare := strings.ReplaceAll(v.UUID, "-", ""); !strings.Contains(m.Info.UUID, bare) {
		return nil, errors.Join(verb.Failure(ui.Failed, "Device %s is mapped from another volume than the header in %s.", m.Name, v.Path), v.Close())
	}
	return v, nil
}

// UnlockFor gets the volume key of a LUKS mapping: from the table where it stands there, otherwise
// by passphrase.
func UnlockFor(ctx context.Context, c *verb.Command, m *Mapped, v *volume.Volume) (*luks.Key, error) {
	return keys.Unlock(ctx, c, v, keys.Opening(c, keys.EnterFor(m.Device)))
}

// Like describes the mapping as it is, with the key given; a LUKS2 key that stood in the keyring
// goes there again.
func (m *Mapped) Like(key *luks.Key, v *volume.Volume, byTable bool) (activate.Mapping, error) {
	number, err := dm.ParseNumber(m.Crypt.Device)
	if err != nil {
		return activate.Mapping{}, err
	}
	mapping := activate.Mapping{
		Name: m.Name, Kind: m.Kind, Device: number, Offset: m.Crypt.Offset, Length: m.Crypt.Length,
		IVOffset: m.Crypt.IVOffset, Cipher: m.Crypt.Cipher, SectorSize: int(max(m.Crypt.SectorSize, 512)),
		Flags: m.Crypt.Flags, ReadOnly: m.Info.ReadOnly, Key: key.Buffer,
	}
	if m.Kind == activate.LUKS2 && !byTable {
		mapping.KeyDescription = activate.LogonDescription(v.UUID, key.Digest)
	}
	return mapping, nil
}

// TableKey copies the key that stands in the table; nil where the keyring has it.
func (m *Mapped) TableKey() (*luks.Key, error) {
	if m.Crypt.Key.Ring != nil {
		return nil, nil
	}
	key := &luks.Key{Buffer: &secret.Buffer{}, Keyslot: luks.AnyKeyslot}
	if m.Crypt.Key.Raw == nil {
		return key, nil
	}
	var err error
	key.Buffer, err = secret.Copy(m.Crypt.Key.Raw.Bytes())
	return key, err
}

// MappingType reads the kind out of "CRYPT-LUKS2-…"; empty for mappings of others.
func MappingType(uuid string) string {
	parts := strings.SplitN(uuid, "-", 3)
	if len(parts) < 3 || parts[0] != "CRYPT" {
		return ""
	}
	return parts[1]
}

// DevicePath finds the node of "major:minor"; the numbers themselves where there is none.
func DevicePath(number string) string {
	devices, err := block.Devices()
	if err != nil {
		return number
	}
	for _, d := range devices {
		if (dm.Number{Major: d.Major, Minor: d.Minor}).String() == number {
			if d.DMName != "" {
				return "/dev/mapper/" + d.DMName
			}
			return d.Path
		}
	}
	return number
}
