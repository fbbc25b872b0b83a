// SPDX-License-Identifier: Apache-2.0

package volume

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"sort"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/luks"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Rehearsal is a device for --dry-run: what is written to it is remembered and read back, and never
// reaches the device below, which is open for reading only.
type Rehearsal struct {
	file   *luks.File
	writes []rehearsed
	// shortened is how far mappings would reach; nil where none would be made shorter.
	Shortened *luks2.Extent
}

// rehearsed is one write; bytes.
type rehearsed struct {
	offset int64
	bytes  []byte
}

// NewRehearsal keeps writes from a file; whoever makes it tells of them.
func NewRehearsal(file *luks.File) *Rehearsal { return &Rehearsal{file: file} }

func (w rehearsed) end() int64 { return w.offset + int64(len(w.bytes)) }

func (r *Rehearsal) Size() int64 { return r.file.Size() }

func (r *Rehearsal) Sync() error { return nil }

func (r *Rehearsal) ReadAt(p []byte, offset int64) (int, error) {
	n, err := r.file.ReadAt(p, offset)
	for _, w := range r.writes {
		from, to := max(offset, w.offset), min(offset+int64(n), w.end())
		if from < to {
			copy(p[from-offset:to-offset], w.bytes[from-w.offset:])
		}
	}
	return n, err
}

func (r *Rehearsal) WriteAt(p []byte, offset int64) (int, error) {
	if offset+int64(len(p)) > r.Size() {
		return 0, fmt.Errorf("%d bytes at %d of a device of %d", len(p), offset, r.Size())
	}
	r.writes = append(r.writes, rehearsed{offset, bytes.Clone(p)})
	return len(p), nil
}

// Live is what mappings reach over, as if those to be made shorter were.
func (r *Rehearsal) Live() ([]luks2.Extent, error) {
	if r.Shortened != nil {
		return []luks2.Extent{*r.Shortened}, nil
	}
	return r.file.Live()
}

// LockMetadata keeps writers away, as for any reader: nothing is going to be written.
func (r *Rehearsal) LockMetadata(ctx context.Context, _ bool) (func() error, error) {
	return r.file.LockMetadata(ctx, false)
}

// Writes is how many there were.
func (r *Rehearsal) Writes() int { return len(r.writes) }

// ranges are the bytes that would be written, in the order of the device, neighbours together.
func ranges(writes []rehearsed) []rehearsed {
	sorted := slices.Clone(writes)
	sort.SliceStable(sorted, func(i, j int) bool { return sorted[i].offset < sorted[j].offset })
	var list []rehearsed
	for _, w := range sorted {
		if last := len(list) - 1; last >= 0 && w.offset <= list[last].end() {
			if grown := w.end() - list[last].offset; grown > int64(len(list[last].bytes)) {
				list[last].bytes = make([]byte, grown)
			}
			continue
		}
		list = append(list, w)
	}
	return list
}

// tell prints what was kept from being written.
func (r *Rehearsal) tell(ctx context.Context, u *ui.UI) {
	list := append(partsOf(ctx, r.file), partsOf(ctx, r)...)
	for _, w := range ranges(r.writes) {
		u.Printf("%s: bytes %d to %d: %s", r.file.Path(), w.offset, w.end()-1, reached(w, list))
	}
}

// TellSince prints what was kept from being written after the first `seen` writes: the parts, and the bytes.
func (r *Rehearsal) TellSince(ctx context.Context, u *ui.UI, seen int) {
	list := append(partsOf(ctx, r.file), partsOf(ctx, r)...)
	for _, w := range ranges(r.writes[seen:]) {
		u.Printf("%s: bytes %d to %d: follows the header", reached(w, list), w.offset, w.end()-1)
	}
}
