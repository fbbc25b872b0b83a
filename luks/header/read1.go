// SPDX-License-Identifier: Apache-2.0

package header

import (
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/luks1"
)

// Read1 reads a LUKS1 header and holds it against the device. The error is a luks1.FieldError.
func Read1(dev Device) (luks1.Header, error) {
	raw, err := Sectors1(dev)
	if err != nil {
		return luks1.Header{}, err
	}
	h, err := luks1.Decode(raw)
	if err != nil {
		return h, err
	}
	return h, h.Validate(dev.Size())
}

// Sectors1 reads the two sectors of a LUKS1 header. An unreadable or too short device has no LUKS1 magic;
// LUKS2 may still be found by its secondary, and reports the read error otherwise.
func Sectors1(dev io.ReaderAt) ([]byte, error) {
	raw := make([]byte, luks1.ReservedSize)
	if n, err := dev.ReadAt(raw, 0); n < len(raw) {
		return nil, fmt.Errorf("%w: %w", luks1.ErrMagic, errors.Join(err, io.ErrUnexpectedEOF))
	}
	return raw, nil
}
