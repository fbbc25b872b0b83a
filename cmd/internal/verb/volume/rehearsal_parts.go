// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/far"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// part is a named range of a volume.
type part struct {
	name string
	luks2.Extent
}

// reached names the parts that a write reaches.
func reached(w rehearsed, list []part) string {
	var names []string
	for _, p := range list {
		if uint64(w.offset) < p.End() && p.Offset < uint64(w.end()) && !slices.Contains(names, p.name) {
			names = append(names, p.name)
		}
	}
	if len(names) == 0 {
		return "free room for keyslots"
	}
	return strings.Join(names, ", ")
}

// partsOf lists the parts of the volume on a device; none where there is no volume.
func partsOf(ctx context.Context, dev luks.Device) []part {
	v, err := luks.Load(ctx, dev)
	if err != nil {
		return nil
	}
	list := []part{{"LUKS1 header", luks2.Extent{Size: luks1.ReservedSize}}}
	if v.Version == 2 {
		size := v.Choice.Copy.Header.Size
		list = []part{
			{"primary header", luks2.Extent{Size: size}},
			{"secondary header", luks2.Extent{Offset: size, Size: size}},
		}
	}
	for _, k := range v.Keyslots {
		list = append(list, part{fmt.Sprintf("keyslot %d", k.ID), k.Area})
	}
	return append(list, farParts(v)...)
}

// farParts are the far header's, where it is and where it is about to be.
func farParts(v *luks.Volume) []part {
	if v.Version != 2 {
		return nil
	}
	t, _, found, err := far.Find(v.Metadata())
	if err != nil || !found {
		return nil
	}
	var list []part
	for _, p := range t.Places() {
		list = append(list, part{"far header", p.Body})
		for _, slot := range p.Extents()[1:] {
			list = append(list, part{"far header locator", slot})
		}
	}
	return list
}
