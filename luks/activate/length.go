// SPDX-License-Identifier: Apache-2.0

package activate

import (
	"errors"
	"fmt"
)

// ErrTooSmall is the kind of SizeError.
var ErrTooSmall = errors.New("the data device is too small")

// SizeError says how large the data device is and how large it must be, in bytes.
type SizeError struct{ Device, Needed uint64 }

func (e *SizeError) Error() string {
	return fmt.Sprintf("%v: %d bytes, at least %d needed", ErrTooSmall, e.Device, e.Needed)
}

func (e *SizeError) Unwrap() error { return ErrTooSmall }

// Length returns how many 512-byte sectors to map of a data device of `device` bytes: `fixed`
// bytes from offset, or with fixed 0 all that follows offset, down to whole encryption sectors. A
// disk whose end is not on such a boundary, as after growing a 512e disk, opens all the same.
func Length(device, offset, fixed uint64, sectorSize int) (uint64, error) {
	if fixed != 0 {
		if fixed > device || device-fixed < offset {
			return 0, &SizeError{Device: device, Needed: offset + fixed}
		}
		return fixed / 512, nil
	}
	size := uint64(max(sectorSize, 512))
	if device < offset || (device-offset)/size == 0 {
		return 0, &SizeError{Device: device, Needed: offset + size}
	}
	return (device - offset) / size * (size / 512), nil
}
