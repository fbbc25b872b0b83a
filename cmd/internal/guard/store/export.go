// SPDX-License-Identifier: Apache-2.0

package store

import (
	"context"
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/luks"
)

// ErrNoAreas: the head was kept without keyslot areas, and brings no key back.
var ErrNoAreas = errors.New("kept without keyslot areas")

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
