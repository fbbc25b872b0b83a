// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// mapped is an active mapping that is about to be changed.
type mapped struct {
	control *dm.Control
	name    string
	info    dm.Info
	table   dm.Table
	crypt   *target.Crypt // its only line
	kind    string        // LUKS1, LUKS2, PLAIN
	device  string        // path of the data device
}

// mapped finds the mapping that arg names. The caller closes it.
func (c *command) mapped(arg string) (*mapped, error) {
	control, err := c.mapper(arg)
	if err != nil {
		return nil, err
	}
	name := mappingName(arg)
	m := &mapped{control: control, name: name}
	if m.table, m.info, err = control.Table(name, dm.Active); err != nil {
		if errors.Is(err, dm.ErrNotFound) || errors.Is(err, dm.ErrName) {
			err = notActive(arg)
		}
		return nil, errors.Join(err, control.Close())
	}
	var isCrypt bool
	if len(m.table) == 1 {
		m.crypt, isCrypt = m.table[0].(*target.Crypt)
	}
	m.kind = mappingType(m.info.UUID)
	if !isCrypt || m.kind == "" {
		return nil, errors.Join(failure(ui.Failed, "Device %s is not a mapping that this program can change.", name), m.Close())
	}
	m.device = devicePath(m.crypt.Device)
	return m, nil
}

// Close wipes the table and closes the device-mapper.
func (m *mapped) Close() error { return errors.Join(m.table.Close(), m.control.Close()) }

// volume loads the header of a LUKS mapping: from --header, or from the data device.
func (c *command) volumeOf(ctx context.Context, m *mapped) (*volume, error) {
	if !c.o.Header.Set {
		c.Args = []string{m.device}
	}
	v, err := c.load(ctx, unlocked)
	if err != nil {
		return nil, err
	}
	if bare := strings.ReplaceAll(v.UUID, "-", ""); !strings.Contains(m.info.UUID, bare) {
		return nil, errors.Join(failure(ui.Failed, "Device %s is mapped from another volume than the header in %s.", m.name, v.path), v.Close())
	}
	return v, nil
}

// unlockFor gets the volume key of a LUKS mapping: from the table where it stands there, otherwise
// by passphrase.
func (c *command) unlockFor(ctx context.Context, m *mapped, v *volume) (*luks.Key, error) {
	return c.unlock(ctx, v, c.opening(enterFor(m.device)))
}

// like describes the mapping as it is, with the key given; a LUKS2 key that stood in the keyring
// goes there again.
func (m *mapped) like(key *luks.Key, v *volume, byTable bool) (activate.Mapping, error) {
	number, err := dm.ParseNumber(m.crypt.Device)
	if err != nil {
		return activate.Mapping{}, err
	}
	mapping := activate.Mapping{
		Name: m.name, Kind: m.kind, Device: number, Offset: m.crypt.Offset, Length: m.crypt.Length,
		IVOffset: m.crypt.IVOffset, Cipher: m.crypt.Cipher, SectorSize: int(max(m.crypt.SectorSize, 512)),
		Flags: m.crypt.Flags, ReadOnly: m.info.ReadOnly, Key: key.Buffer,
	}
	if m.kind == activate.LUKS2 && !byTable {
		mapping.KeyDescription = activate.LogonDescription(v.UUID, key.Digest)
	}
	return mapping, nil
}
