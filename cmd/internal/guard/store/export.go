// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/inspect"
)

// ErrNoAreas: the head was kept without keyslot areas, and brings no key back.
var ErrNoAreas = errors.New("kept without keyslot areas")

// ChangedError: what was kept without keyslot areas lacks some, and the device has not what it had.
type ChangedError struct{ Parts []string }

func (e *ChangedError) Error() string {
	return fmt.Sprintf("%v, and on the device these are not as they were: %s", ErrNoAreas, strings.Join(e.Parts, ", "))
}

func (e *ChangedError) Unwrap() error { return ErrNoAreas }

// Filled is the head with the keyslot areas of the device, where every byte of them is as it was; otherwise the error
// is a ChangedError, or the device's.
func (h Head) Filled(dev inspect.Device) (Head, error) {
	if changed := h.Changed(dev); len(changed) > 0 {
		return h, &ChangedError{changed}
	}
	h.Parts = slices.Clone(h.Parts)
	for _, s := range h.Sums {
		area := Part{What: s.What, Offset: s.Offset, Length: s.Length}
		if err := area.read(dev); err != nil {
			return h, err
		}
		h.Parts = append(h.Parts, area)
	}
	h.Full = true
	return h, nil
}

// Backup is the contents of a header backup file: header and keyslot areas as they were, which is key
// material. The error is ErrNoAreas, or says that what is kept is no header.
func (h Head) Backup(ctx context.Context) ([]byte, error) {
	if !h.Full {
		return nil, ErrNoAreas
	}
	v, err := luks.Load(ctx, laid{h})
	if err != nil {
		return nil, err
	}
	return v.Backup(ctx)
}

// laid is a device on which a head's parts lie, and zeros everywhere else. It is not written to.
type laid struct{ Head }

func (l laid) Size() int64 { return int64(l.DeviceSize) }

func (l laid) ReadAt(p []byte, offset int64) (int, error) {
	if offset < 0 || offset > l.Size() {
		return 0, io.EOF
	}
	n := int(min(int64(len(p)), l.Size()-offset))
	clear(p[:n])
	for _, part := range l.Parts {
		if from := int64(part.Offset) - offset; from >= 0 && from < int64(n) {
			copy(p[from:n], part.Bytes)
		} else if from < 0 && -from < int64(part.Length) {
			copy(p[:n], part.Bytes[-from:])
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (laid) WriteAt([]byte, int64) (int, error) { return 0, errors.ErrUnsupported }

func (laid) Sync() error { return nil }
