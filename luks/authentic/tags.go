// SPDX-License-Identifier: Apache-2.0

package authentic

import (
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/integrity"
)

// ErrTags: the layer of tags on the device is not that of the header's volume.
var ErrTags = errors.New("the layer of tags is not this volume's")

// CheckTags holds the layer of tags against the header.
func (s *Scheme) CheckTags(l *integrity.Layout, sectorSize int) error {
	plain := l.Flags&^integrity.FixPadding == 0 && !l.Separate()
	if plain && int(l.TagSize) == s.TagSize() && l.BlockSize() == sectorSize {
		return nil
	}
	return fmt.Errorf("%w: tags of %d bytes for blocks of %d, flags %q; the header needs tags of %d for %d", ErrTags,
		l.TagSize, l.BlockSize(), l.Flags, s.TagSize(), sectorSize)
}
