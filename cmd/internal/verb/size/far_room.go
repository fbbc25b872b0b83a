// SPDX-License-Identifier: Apache-2.0

package size

import (
	"context"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/keys"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/mapped"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
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

// proveRoom reads the end of the contents through the open mapping or, where there is none, decrypts
// their superblock with the passphrase. Doubt is an error.
func proveRoom(ctx context.Context, c *verb.Command, v *volume.Volume) (*provenRoom, error) {
	names, err := mapped.MappingsOf(v)
	if err != nil {
		return nil, err
	}
	p := &provenRoom{visible: v.Data.Size}
	if v.Data.Dynamic {
		p.visible = uint64(v.File.Size()) - v.Data.Offset
	}
	if len(names) == 0 {
		return p, roomByPassphrase(ctx, c, v, p)
	}
	p.visible = 0
	for _, name := range names {
		if err := roomByMapping(ctx, c, v, name, p); err != nil {
			p.Close()
			return nil, err
		}
	}
	return p, nil
}

func roomByPassphrase(ctx context.Context, c *verb.Command, v *volume.Volume, p *provenRoom) error {
	key, err := keys.Unlock(ctx, c, v, keys.Opening(c, keys.EnterFor(v.Path)))
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
func roomByMapping(ctx context.Context, c *verb.Command, v *volume.Volume, name string, p *provenRoom) error {
	inside, err := activate.Contents("/dev/mapper/" + name)
	if err != nil {
		return fmt.Errorf("mapping %s: %w", name, err)
	}
	m, err := mapped.FindRunning(c, name)
	if err != nil {
		return err
	}
	defer m.Close()
	length := m.Crypt.Length * 512
	p.kind, p.End, p.visible = inside.Kind, max(p.End, uint64(inside.End)), max(p.visible, length)
	if plan, err := v.PlanFar(ctx); err == nil && length <= plan.DataSize || !v.Data.Dynamic && length <= v.Data.Size {
		return nil
	}
	if p.key == nil {
		if p.key, err = m.TableKey(ctx, v); err == nil && p.key == nil {
			p.key, err = mapped.UnlockFor(ctx, c, m, v)
		}
		if err != nil {
			return err
		}
	}
	return shortening(ctx, c, v, name, p)
}

// shortening adds the mapping to those that Shorten makes shorter.
func shortening(ctx context.Context, c *verb.Command, v *volume.Volume, name string, p *provenRoom) error {
	before := p.Shorten
	p.Shorten = func(size uint64) error {
		if before != nil {
			if err := before(size); err != nil {
				return err
			}
		}
		if r, rehearsed := v.Device().(*volume.Rehearsal); rehearsed {
			c.UI.Printf("%s: would be made %d bytes long", name, size)
			r.Shortened = &luks2.Extent{Offset: v.Data.Offset, Size: size}
			return nil
		}
		return shorten(ctx, c, v, name, p.key, size)
	}
	return nil
}

// shorten exchanges the table of a mapping for one of size bytes.
func shorten(ctx context.Context, c *verb.Command, v *volume.Volume, name string, key *luks.Key, size uint64) error {
	m, err := mapped.FindRunning(c, name)
	if err != nil {
		return err
	}
	defer m.Close()
	if m.Crypt.Length*512 <= size {
		return nil
	}
	mapping, err := m.Like(key, v, m.Crypt.Key.Ring == nil)
	if err != nil {
		return err
	}
	mapping.Length = size / 512
	return activate.Reload(ctx, m.Control, mapping)
}
