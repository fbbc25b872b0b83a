// SPDX-License-Identifier: Apache-2.0

package mapped

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// Mapped is an active mapping that is about to be changed.
type Mapped struct {
	*activate.Current
	Control *dm.Control
	Kind    string // LUKS1, LUKS2, PLAIN
	Device  string // path of the data device

	Tags *target.Integrity // below it, where sectors are authenticated; it has no keys
}

// Find finds the mapping that arg names, suspended or not. The caller closes it.
func Find(c *verb.Command, arg string) (*Mapped, error) {
	control, err := Mapper(c, arg)
	if err != nil {
		return nil, err
	}
	name := MappingName(arg)
	now, err := activate.Read(control, name)
	switch {
	case errors.Is(err, dm.ErrNotFound), errors.Is(err, dm.ErrName):
		err = NotActive(arg)
	case errors.Is(err, activate.ErrNotCrypt):
		err = verb.Failure(ui.Failed, "Device %s is not a mapping that this program can change.", name)
	}
	if err != nil {
		return nil, errors.Join(err, control.Close())
	}
	m := &Mapped{Current: now, Control: control, Kind: MappingType(now.Info.UUID)}
	if slices.Contains([]string{"", activate.Tcrypt, activate.Lower, activate.LoopAES, activate.FVault2}, m.Kind) {
		return nil, errors.Join(verb.Failure(ui.Failed, "Device %s is not a mapping that this program can change.",
			name), m.Close())
	}
	m.Device = DevicePath(m.Crypt.Device)
	if m.Tags = activate.TagsOf(control, name, m.Crypt); m.Tags != nil {
		m.Device = DevicePath(m.Tags.Device)
	}
	return m, nil
}

// FindRunning is Find for what is to get another table: a suspended mapping is an activate.StateError.
func FindRunning(c *verb.Command, arg string) (*Mapped, error) {
	m, err := Find(c, arg)
	if err != nil {
		return nil, err
	}
	if err := m.Running(); err != nil {
		return nil, errors.Join(err, m.Close())
	}
	return m, nil
}

// Close wipes the table and closes the device-mapper.
func (m *Mapped) Close() error { return errors.Join(m.Current.Close(), m.Control.Close()) }

// volume loads the header of a LUKS mapping: from --header, or from the data device.
func VolumeOf(ctx context.Context, c *verb.Command, m *Mapped) (*volume.Volume, error) {
	if !c.Opt.Header.Set {
		c.Args = []string{m.Device}
	}
	v, err := volume.Load(ctx, c, volume.Running)
	if err != nil {
		return nil, err
	}
	if bare := strings.ReplaceAll(v.UUID, "-", ""); !strings.Contains(m.Info.UUID, bare) {
		return nil, errors.Join(verb.Failure(ui.Failed, "Device %s is mapped from another volume than the header "+
			"in %s.", m.Name, v.Path), v.Close())
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
		Tag: activate.Tag{Size: m.Crypt.IntegrityTag, Kind: m.Crypt.IntegrityKind, KeySize: m.Crypt.IntegrityKeySize},
	}
	if m.Kind == activate.LUKS2 && !byTable {
		mapping.KeyDescription = activate.LogonDescription(v.UUID, key.Digest)
	}
	return mapping, nil
}

// TableKey copies the key that stands in the table; nil where the keyring has it. The digest of the volume
// must know it; v is nil for a mapping without a header.
func (m *Mapped) TableKey(ctx context.Context, v *volume.Volume) (*luks.Key, error) {
	var confirm activate.Confirm
	if v != nil {
		confirm = v.Confirm(ctx)
	}
	raw, err := m.Key(confirm)
	if err != nil || raw == nil {
		return nil, err
	}
	return &luks.Key{Buffer: raw, Keyslot: luks.AnyKeyslot}, nil
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
