// SPDX-License-Identifier: Apache-2.0

package run

import (
	"context"
	"crypto/rand"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
)

// mend writes what is missing of the hot zone, makes it durable, and looks again: nothing is missing then. It may be
// cut off at any place, and begun anew.
func mend(ctx context.Context, data header.Device, m *reencrypt.Mender) error {
	for i := range m.Batches() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		_, writes, err := m.Batch(i)
		if err != nil {
			return err
		}
		for _, w := range writes {
			if err := put(data, w); err != nil {
				return err
			}
		}
	}
	if err := flush(data); err != nil {
		return err
	}
	for i := range m.Batches() {
		_, writes, err := m.Batch(i)
		if err != nil {
			return err
		}
		if len(writes) > 0 {
			return &commit.WriteError{What: hotZone, Op: "read back", Offset: writes[0].Offset, Err: commit.ErrReadBack}
		}
	}
	return nil
}

const hotZone = "hot zone"

func put(data header.Device, w reencrypt.Write) error {
	if _, err := data.WriteAt(w.Bytes, int64(w.Offset)); err != nil {
		return &commit.WriteError{What: hotZone, Op: "write", Offset: w.Offset, Err: err}
	}
	return nil
}

func flush(data header.Device) error {
	if err := data.Sync(); err != nil {
		return &commit.WriteError{What: hotZone, Op: "sync", Err: err}
	}
	return nil
}

// erase overwrites what was put aside in the clear.
func erase(data header.Device, list []extent.Extent) error {
	if len(list) == 0 {
		return nil
	}
	for _, e := range list {
		p := make([]byte, e.Size)
		if _, err := rand.Read(p); err != nil {
			return err
		}
		if err := put(data, reencrypt.Write{Offset: e.Offset, Bytes: p}); err != nil {
			return err
		}
	}
	return flush(data)
}
