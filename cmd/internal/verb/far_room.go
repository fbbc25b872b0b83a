// SPDX-License-Identifier: Apache-2.0

package verb

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// provenRoom is where the contents of a volume end, and the means to make its mappings shorter.
type provenRoom struct {
	luks.Room
	kind    string // of the contents
	visible uint64 // how long the data is now, as mapped or as the header has it; bytes
	key     *luks.Key
}

// Close wipes the key.
func (p *provenRoom) Close() {
	if p.key != nil {
		p.key.Close()
	}
}

// provenRoom reads the end of the contents through the open mapping or, where there is none, decrypts
// their superblock with the passphrase. Doubt is an error.
func (c *command) provenRoom(ctx context.Context, v *volume) (*provenRoom, error) {
	names, err := mappingsOf(v)
	if err != nil {
		return nil, err
	}
	p := &provenRoom{visible: v.Data.Size}
	if v.Data.Dynamic {
		p.visible = uint64(v.file.Size()) - v.Data.Offset
	}
	if len(names) == 0 {
		return p, c.roomByPassphrase(ctx, v, p)
	}
	p.visible = 0
	for _, name := range names {
		if err := c.roomByMapping(ctx, v, name, p); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

func (c *command) roomByPassphrase(ctx context.Context, v *volume, p *provenRoom) error {
	key, err := c.unlock(ctx, v, c.opening(enterFor(v.path)))
	if err != nil {
		return err
	}
	defer key.Close()
	inside, err := v.Contents(v.Device(), key)
	if err != nil {
		return err
	}
	p.kind, p.End = inside.Kind, uint64(inside.End)
	return nil
}

// roomByMapping asks for a passphrase only where a mapping has to be made shorter whose key the keyring
// has.
func (c *command) roomByMapping(ctx context.Context, v *volume, name string, p *provenRoom) error {
	inside, err := activate.Contents("/dev/mapper/" + name)
	if err != nil {
		return fmt.Errorf("mapping %s: %w", name, err)
	}
	m, err := c.mapped(name)
	if err != nil {
		return err
	}
	defer m.Close()
	length := m.crypt.Length * 512
	p.kind, p.End, p.visible = inside.Kind, max(p.End, uint64(inside.End)), max(p.visible, length)
	if plan, err := v.PlanFar(); err == nil && length <= plan.DataSize || !v.Data.Dynamic && length <= v.Data.Size {
		return nil
	}
	if p.key == nil {
		if p.key, err = m.tableKey(); err == nil && p.key == nil {
			p.key, err = c.unlockFor(ctx, m, v)
		}
		if err != nil {
			return err
		}
	}
	return c.shortening(ctx, v, name, p)
}

// shortening adds the mapping to those that Shorten makes shorter.
func (c *command) shortening(ctx context.Context, v *volume, name string, p *provenRoom) error {
	before := p.Shorten
	p.Shorten = func(size uint64) error {
		if before != nil {
			if err := before(size); err != nil {
				return err
			}
		}
		if r, rehearsed := v.Device().(*rehearsal); rehearsed {
			c.ui.Printf("%s: would be made %d bytes long", name, size)
			r.shortened = &luks2.Extent{Offset: v.Data.Offset, Size: size}
			return nil
		}
		return c.shorten(ctx, v, name, p.key, size)
	}
	return nil
}

// shorten exchanges the table of a mapping for one of size bytes.
func (c *command) shorten(ctx context.Context, v *volume, name string, key *luks.Key, size uint64) error {
	m, err := c.mapped(name)
	if err != nil {
		return err
	}
	defer m.Close()
	if m.crypt.Length*512 <= size {
		return nil
	}
	mapping, err := m.like(key, v, m.crypt.Key.Ring == nil)
	if err != nil {
		return err
	}
	mapping.Length = size / 512
	return activate.Reload(ctx, m.control, mapping)
}

// mappingsOf lists the names of the mappings of this very device's data; without the device-mapper
// there are none.
func mappingsOf(v *volume) ([]string, error) {
	control, err := dm.Open()
	if errors.Is(err, dm.ErrNoDeviceMapper) || errors.Is(err, dm.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer control.Close()
	faces, err := v.file.Faces()
	if err != nil || len(faces) == 0 {
		return nil, err
	}
	devices, err := control.Devices()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range devices {
		name := dm.Unmangle(d.Name)
		table, info, err := control.Table(name, dm.Active)
		if errors.Is(err, dm.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ours := len(activate.Ranges(table, faces)) > 0 && isCrypt(table) &&
			strings.Contains(info.UUID, strings.ReplaceAll(v.UUID, "-", ""))
		if err := table.Close(); err != nil {
			return nil, err
		}
		if ours {
			names = append(names, name)
		}
	}
	return names, nil
}

func isCrypt(table dm.Table) bool {
	if len(table) != 1 {
		return false
	}
	_, crypt := table[0].(*target.Crypt)
	return crypt
}
