// SPDX-License-Identifier: Apache-2.0

package mapped

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// live are the mappings of a volume, and the key to give them another length.
type live struct {
	Names []string
	key   *luks.Key
}

// FindLive finds the mappings whose length is not, or as shorter tells not below, size (bytes), and gets the
// key for them: from the table where it stands there, otherwise by passphrase.
func FindLive(ctx context.Context, c *verb.Command, v *volume.Volume, unlike func(length uint64) bool) (*live, error) {
	names, err := MappingsOf(v)
	if err != nil {
		return nil, err
	}
	l := &live{}
	for _, name := range names {
		m, err := FindRunning(c, name)
		if err != nil {
			l.Close()
			return nil, err
		}
		if unlike(m.Crypt.Length * 512) {
			l.Names = append(l.Names, name)
			if l.key == nil && !c.Opt.DryRun {
				if l.key, err = m.TableKey(ctx, v); err == nil && l.key == nil {
					l.key, err = UnlockFor(ctx, c, m, v)
				}
			}
		}
		if err = errors.Join(err, m.Close()); err != nil {
			l.Close()
			return nil, err
		}
	}
	return l, nil
}

// Close wipes the key.
func (l *live) Close() {
	if l.key != nil {
		l.key.Close()
	}
}

// SetLength is what makes the mappings size bytes long; nil where there are none.
func SetLength(ctx context.Context, c *verb.Command, v *volume.Volume, l *live) func(size uint64) error {
	if len(l.Names) == 0 {
		return nil
	}
	return func(size uint64) error {
		for _, name := range l.Names {
			if err := reload(ctx, c, v, name, l.key, size); err != nil {
				return fmt.Errorf("mapping %s: %w", name, err)
			}
		}
		return nil
	}
}

// reload exchanges the table of a mapping for one of size bytes.
func reload(ctx context.Context, c *verb.Command, v *volume.Volume, name string, key *luks.Key, size uint64) error {
	m, err := FindRunning(c, name)
	if err != nil {
		return err
	}
	defer m.Close()
	mapping, err := m.Like(key, v, m.Crypt.Key.Ring == nil)
	if err != nil {
		return err
	}
	mapping.Length = size / 512
	return activate.Reload(ctx, m.Control, mapping)
}
