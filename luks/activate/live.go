// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"errors"
	"fmt"
	"math"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Live lists the ranges of a device, in bytes, that mappings reach over: what the live tables of the
// device-mapper say of every device that shows its bytes. A table whose ranges cannot be told, and
// anything on top that is no mapping (md, bcache), reaches over everything.
func Live(d *block.Device) ([]luks2.Extent, error) {
	faces, err := d.Faces()
	if err != nil || len(faces) == 0 {
		return nil, err
	}
	var all []luks2.Extent
	for _, f := range faces {
		if foreignAbove(f) {
			all = append(all, everything)
		}
	}
	mapped, err := mappedRanges(faces)
	return append(all, mapped...), err
}

var everything = luks2.Extent{Size: math.MaxUint64}

func foreignAbove(f block.Face) bool {
	for _, h := range f.Above() {
		if h.UUID == "" && !isMapper(h) {
			return true
		}
	}
	return false
}

func isMapper(h block.Holder) bool {
	devices, err := block.Devices()
	if err != nil {
		return false
	}
	for _, d := range devices {
		if d.Major == h.Major && d.Minor == h.Minor {
			return d.DMName != ""
		}
	}
	return false
}

// mappedRanges asks the device-mapper; a kernel without it has no mappings.
func mappedRanges(faces []block.Face) (all []luks2.Extent, err error) {
	control, err := dm.Open()
	if errors.Is(err, dm.ErrNoDeviceMapper) || errors.Is(err, dm.ErrPermission) {
		return nil, onlyWithoutHolders(faces, err)
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, control.Close()) }()
	devices, err := control.Devices()
	if err != nil {
		return nil, err
	}
	for _, d := range devices {
		ranges, err := rangesOf(control, d.Name, faces)
		if errors.Is(err, dm.ErrNotFound) {
			continue // gone meanwhile
		}
		if err != nil {
			return nil, err
		}
		all = append(all, ranges...)
	}
	return all, nil
}

// onlyWithoutHolders lets a device pass whose tables cannot be read and on which sysfs shows nothing.
func onlyWithoutHolders(faces []block.Face, err error) error {
	for _, f := range faces {
		if len(f.Above()) > 0 {
			return fmt.Errorf("asking which mappings reach over the device: %w", err)
		}
	}
	return nil
}

func rangesOf(control *dm.Control, name string, faces []block.Face) (ranges []luks2.Extent, err error) {
	plain := dm.Unmangle(name)
	deps, err := control.Deps(plain)
	if err != nil || !rests(deps, faces) {
		return nil, err
	}
	table, _, err := control.Table(plain, dm.Active)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, table.Close()) }()
	return Ranges(table, faces), nil
}

func rests(deps []dm.Number, faces []block.Face) bool {
	for _, n := range deps {
		for _, f := range faces {
			if n.Major == f.Major && n.Minor == f.Minor {
				return true
			}
		}
	}
	return false
}

// Ranges lists what a table reaches over of the device that the faces show, bytes.
func Ranges(table dm.Table, faces []block.Face) []luks2.Extent {
	var all []luks2.Extent
	for _, line := range table {
		_, length := line.Span()
		var device string
		var offset uint64
		switch t := line.(type) {
		case *target.Crypt:
			device, offset = t.Device, t.Offset
		case *target.Linear:
			device, offset = t.Device, t.Offset
		case *target.Integrity:
			device, offset, length = t.Device, t.Offset, math.MaxInt64/512-t.Offset // tags and all
		case *target.Error, *target.Zero:
			continue
		default:
			all = append(all, everything)
			continue
		}
		for _, f := range faces {
			if device == (dm.Number{Major: f.Major, Minor: f.Minor}).String() {
				all = append(all, shifted(offset, length, f.Offset))
			}
		}
	}
	return all
}

// shifted turns 512-byte sectors of a face into bytes of what it shows; what lies before its start, or
// overflows, is cut.
func shifted(offset, length uint64, by int64) luks2.Extent {
	if offset > math.MaxInt64/512 || length > math.MaxInt64/512 {
		return everything
	}
	from := int64(offset)*512 + by
	to := from + int64(length)*512
	if to < from {
		return everything
	}
	if to <= 0 {
		return luks2.Extent{}
	}
	from = max(from, 0)
	return luks2.Extent{Offset: uint64(from), Size: uint64(to - from)}
}
