// SPDX-License-Identifier: Apache-2.0

package commit

import (
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/layout"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// LeftBehind is what overwrites the material of keyslots that an older head names, and neither the one in force nor
// next, once both are equal: a change that was cut off between the two left it, and afterwards nothing tells of it.
func LeftBehind(dev header.Device, heads header.Heads, choice header.Choice, next luks2.Copy) ([]Area, error) {
	other := heads.At(header.Secondary - choice.Place)
	if other.State != header.Valid || choice.Healthy() || choice.Reason == header.Conflicting ||
		other.Copy.Header.UUID != choice.Copy.Header.UUID {
		return nil, nil
	}
	var list []luks2.Extent
	for _, r := range revokedBy(other.Copy, choice.Copy) {
		list = append(list, r.area())
	}
	return overwritingFree(dev, next, list)
}

// overwritingFree is what overwrites those of the ranges that nobody owns.
func overwritingFree(dev header.Device, next luks2.Copy, list []luks2.Extent) (areas []Area, err error) {
	for _, e := range list {
		if err != nil || layout.After(next, next, uint64(dev.Size()), e) != nil {
			continue
		}
		var a Area
		a, err = Noise("material of a keyslot that is gone", e)
		areas = append(areas, a)
	}
	return areas, err
}

// overwriteLeft overwrites what far.Found.Left proves, before the far header forgets it.
func (s *Session) overwriteLeft(f far.Found) error {
	areas, err := overwritingFree(s.dev, s.choice.Copy, f.Left(s.dev, s.choice.Copy))
	for _, a := range areas {
		if err == nil {
			err = s.aside(a)
		}
	}
	return err
}
