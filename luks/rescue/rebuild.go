// SPDX-License-Identifier: Apache-2.0

package rescue

import (
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/dm/uuid"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// ErrNotHere is a find whose keyslot areas all lie outside the device.
var ErrNotHere = errors.New("no keyslot area of this header lies on the device")

// Lost is what a rebuilt header lacks, by its place on the device in bytes: below 0 it lies before the device.
type Lost struct{ Offset, Length int64 }

// Rebuild makes a detached header of a find: both heads anew, or LUKS1's header, and every keyslot
// area as it is on src, which is size bytes long. It serves as a header backup too. lost lists
// what could not be read, by its place on the device; zeros stand for it. random gives salts, and
// a UUID where that was lost.
func Rebuild(src io.ReaderAt, size int64, f Find, random io.Reader) (image []byte, lost []Lost, err error) {
	if f.Version == 1 {
		image, err = head1(f.old)
	} else {
		image, err = head2(f.copy, random)
	}
	if err != nil {
		return nil, nil, err
	}
	copied := false
	for _, k := range f.Keyslots {
		start := k.Offset - f.Base
		area := image[start : start+int64(k.Size)]
		if k.Offset < 0 || k.Offset+int64(k.Size) > size {
			lost = append(lost, Lost{k.Offset, int64(k.Size)})
			continue
		}
		copied = true
		readAround(src, area, k.Offset, func(off, length int64) { lost = append(lost, Lost{off, length}) })
	}
	if !copied && len(f.Keyslots) > 0 {
		return nil, lost, ErrNotHere
	}
	return image, lost, nil
}

// head1 has room for the material of every keyslot.
func head1(h luks1.Header) ([]byte, error) {
	end := int64(luks1.ReservedSize)
	for i := range h.Keyslots {
		offset, length := h.Material(i)
		end = max(end, offset+length)
	}
	const most = 1 << 30
	if end > most {
		return nil, fmt.Errorf("%w: key material up to byte %d", luks1.ErrInvalid, end)
	}
	header, err := h.Encode()
	if err != nil {
		return nil, err
	}
	image := make([]byte, extent.Up(end, luks2.AreaAlignment))
	copy(image, header)
	return image, nil
}

func head2(c luks2.Copy, random io.Reader) ([]byte, error) {
	image := make([]byte, c.Metadata.KeyslotsExtent(c.Header.Size).End())
	if c.Header.UUID == "" {
		text, err := uuid.From(random)
		if err != nil {
			return nil, err
		}
		c.Header.UUID = text
	}
	for _, offset := range []uint64{0, c.Header.Size} {
		c.Header.Offset, c.Header.Algorithm = offset, "sha256"
		if _, err := io.ReadFull(random, c.Header.Salt[:]); err != nil {
			return nil, err
		}
		p, err := luks2.Encode(c)
		if err != nil {
			return nil, err
		}
		copy(image[offset:], p)
	}
	return image, nil
}
