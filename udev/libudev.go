// SPDX-License-Identifier: Apache-2.0

package udev

import (
	"bytes"
	"encoding/binary"
)

// Places in the header of libudev's framing; see the package's diagram.
const (
	udevPrefix       = "libudev\x00"
	udevMagic        = 0xfeedcafe
	udevHeaderSize   = 40
	offMagic         = 8
	offHeaderSize    = 12
	offPropertiesOff = 16
	offPropertiesLen = 20
	offSubsystemHash = 24
	offDevTypeHash   = 28
	offTagBloomHigh  = 32
	offTagBloomLow   = 36
)

// splitUdev takes the header off a message of udevd. A longer header is a later version's and is
// accepted, as libudev does.
func splitUdev(b []byte) (message, error) {
	if len(b) < udevHeaderSize {
		return message{}, &ParseError{ErrTooShort, "", len(b)}
	}
	if !bytes.HasPrefix(b, []byte(udevPrefix)) {
		return message{}, &ParseError{ErrPrefix, "", 0}
	}
	if binary.BigEndian.Uint32(b[offMagic:]) != udevMagic {
		return message{}, &ParseError{ErrMagic, "", offMagic}
	}
	size := uint64(binary.NativeEndian.Uint32(b[offHeaderSize:]))
	off := uint64(binary.NativeEndian.Uint32(b[offPropertiesOff:]))
	length := uint64(binary.NativeEndian.Uint32(b[offPropertiesLen:]))
	switch {
	case size < udevHeaderSize || size > uint64(len(b)):
		return message{}, &ParseError{ErrBounds, "header_size", offHeaderSize}
	case off < size || off > uint64(len(b)):
		return message{}, &ParseError{ErrBounds, "properties_off", offPropertiesOff}
	case off+length > uint64(len(b)):
		return message{}, &ParseError{ErrBounds, "properties_len", offPropertiesLen}
	}
	return message{source: Udev, properties: b[off : off+length], offset: int(off)}, nil
}
