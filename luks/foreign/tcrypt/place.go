// SPDX-License-Identifier: Apache-2.0

package tcrypt

import (
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/luks/header"
)

// HeaderSize is that of a header, bytes.
const HeaderSize = 512

// Place is where a header may lie.
type Place struct {
	Offset uint64 // bytes
	Hidden bool   // of a hidden volume
	System bool   // of an encrypted system
	Old    bool   // before TrueCrypt 6, and so never VeraCrypt's
}

const (
	hiddenAt       = 64 << 10
	systemAt       = 62 * 512
	backupFromEnd  = 128 << 10
	hiddenBackup   = 64 << 10
	oldHiddenAtEnd = 3 * 512
)

// Wanted says which header is asked for.
type Wanted struct {
	Hidden bool
	Backup bool // the one at the end
	System bool // of the whole disk
}

// Places are where the wanted header may lie on a device of size bytes, the likeliest first. The error is ErrNoPlace.
func (w Wanted) Places(size uint64) (list []Place, err error) {
	add := func(p Place, ok bool) {
		if ok && size >= HeaderSize && p.Offset <= size-HeaderSize {
			list = append(list, p)
		}
	}
	switch {
	case w.System:
		add(Place{Offset: systemAt, System: true}, true)
	case w.Backup && w.Hidden:
		add(Place{Offset: size - hiddenBackup, Hidden: true}, size >= hiddenBackup)
	case w.Backup:
		add(Place{Offset: size - backupFromEnd}, size >= backupFromEnd)
	case w.Hidden:
		add(Place{Offset: hiddenAt, Hidden: true}, true)
		add(Place{Offset: size - oldHiddenAtEnd, Hidden: true, Old: true}, size >= oldHiddenAtEnd)
	default:
		add(Place{}, true)
	}
	if len(list) == 0 {
		return nil, ErrNoPlace
	}
	return list, nil
}

// Sealed is a header as it lies on a device.
type Sealed struct {
	Place
	Bytes [HeaderSize]byte
}

// Read reads the headers at the places. Errors are the device's.
func Read(dev io.ReaderAt, places []Place) ([]Sealed, error) {
	list := make([]Sealed, len(places))
	for i, p := range places {
		list[i].Place = p
		if err := header.ReadFull(dev, list[i].Bytes[:], p.Offset); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return list, nil
}
