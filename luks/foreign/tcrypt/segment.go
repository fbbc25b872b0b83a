// SPDX-License-Identifier: Apache-2.0

package tcrypt

import "github.com/orthrus-luks/orthrus/luks/foreign/span"

// Segment is where the data lies.
type Segment = span.Segment

// Segment is where the data lies on a device of size bytes; that of a system on the whole disk. The error is a
// FieldError.
func (v *Volume) Segment(size uint64) (Segment, error) {
	length := v.VolumeSize
	start := v.Start
	if v.Place.Hidden {
		length = v.HiddenSize
		if length == 0 {
			return Segment{}, field("hidden size", "0 in a hidden volume")
		}
		if v.Version < 4 || v.Chain.Mode != modeXTS {
			if size < oldHiddenAtEnd || length > size-oldHiddenAtEnd {
				return Segment{}, field("hidden size", "%d bytes on a device of %d", length, size)
			}
			start = size - oldHiddenAtEnd - length
		}
	}
	if v.Version < 3 && v.Chain.Mode == modeXTS && !v.Place.System && !v.Place.Hidden {
		start = unit
	}
	if length == 0 && v.Version < 4 && start < size {
		length = (size - start) / unit * unit
	}
	if length == 0 || length > size || start > size-length {
		return Segment{}, field("volume size", "%d bytes from %d on a device of %d", length, start, size)
	}
	s := Segment{Offset: start / unit, IVOffset: start / unit, Length: length / unit}
	switch v.Chain.Mode {
	case modeLRW:
		s.IVOffset = 0
	case modeCBC, modeCBCI, modeEach:
		s.IVOffset = v.Start / unit
	}
	return s, nil
}

// SystemPartition is where the data of an encrypted system lies on its partition, which begins at `start` of the disk
// and has size bytes: vectors count from the beginning of the disk.
func SystemPartition(start, size uint64) Segment {
	return Segment{IVOffset: start / unit, Length: size / unit}
}
