// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"

	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/luks1"
)

// Erase destroys every keyslot that opens the data, those too that somebody added since this volume was loaded:
// the material of all first, then one change of the header. Where it ends without an error, nobody opens the
// data any more. Keyslots of other keys stay. EraseFar comes before it.
func (v *Volume) Erase(ctx context.Context) error {
	if v.Version == 1 {
		return v.update1(ctx, func(h luks1.Header) (c commit.Change1, err error) {
			c.Next = h
			for _, id := range h.EnabledKeyslots() {
				wipe, err := noise1(h, id)
				if err != nil {
					return c, err
				}
				c.Before, c.Next = append(c.Before, wipe), c.Next.WithoutKeyslot(id)
			}
			return c, nil
		})
	}
	return v.update2(ctx, func(s *commit.Session) (c commit.Change, err error) {
		c.Next = s.Now()
		heads, choice := s.Heads()
		for _, k := range FromHeads(v.dev, heads, choice).Keyslots {
			if !k.OpensData() {
				continue
			}
			wipe, err := noise(areaName(k.ID), k.Area.Offset, k.Area.Size)
			if err := errors.Join(err, c.Next.Metadata.RemoveKeyslot(k.ID)); err != nil {
				return c, err
			}
			c.Before = append(c.Before, wipe)
		}
		return c, nil
	})
}
