// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"context"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/dm/parallel"
)

// Storage is what a device is formatted on.
type Storage interface {
	io.WriterAt
	Sync() error
}

// Format makes a device that the kernel takes for one that it has formatted.
type Format struct {
	*Layout
	Data, Meta Storage // the same without a metadata device
	Keys       JournalKeys
	Hash       *Algorithm // nil: no tags are written (no internal hash, or no wipe)

	// Zero makes a range of Data read as zeros, bytes; nil where it does already, or where no tags are written.
	Zero func(off, n int64) error

	Workers  int              // 0: all processors
	Progress func(done int64) // bytes of data; may be nil
}

// Run writes journal, tags and zeros, and the superblock when all of them are on the disk: before that there is none,
// and what the device held before is no device of dm-integrity any more.
func (f *Format) Run(ctx context.Context) error {
	j, err := f.Layout.journal(f.Keys)
	if err != nil {
		return err
	}
	if f.Hash != nil {
		if err := f.Hash.Check(); err != nil {
			return err
		}
	}
	raw, err := f.Marshal(j.mac)
	if err != nil {
		return err
	}
	at := int64(f.Offset) * SectorSize
	if err := writeAll(f.Meta, make([]byte, len(raw)), at, "superblock"); err != nil {
		return err
	}
	if err := f.Meta.Sync(); err != nil {
		return err
	}
	if err := f.writeJournal(ctx, j); err != nil {
		return err
	}
	if f.Hash != nil {
		if err := f.writeTags(ctx); err != nil {
			return err
		}
	}
	if f.Separate() {
		if err := f.Data.Sync(); err != nil {
			return err
		}
	}
	if err := f.Meta.Sync(); err != nil {
		return err
	}
	if err := writeAll(f.Meta, raw, at, "superblock"); err != nil {
		return err
	}
	return f.Meta.Sync()
}

func writeAll(to io.WriterAt, raw []byte, at int64, what string) error {
	if _, err := to.WriteAt(raw, at); err != nil {
		return fmt.Errorf("integrity: writing the %s at byte %d: %w", what, at, err)
	}
	return nil
}

func (f *Format) writeJournal(ctx context.Context, j *journal) error {
	raw := make([]byte, j.sectionBytes())
	for section := range f.JournalSections {
		if err := ctx.Err(); err != nil {
			return err
		}
		j.fresh(section, raw)
		if err := writeAll(f.Meta, raw, j.sectionAt(section), "journal"); err != nil {
			return err
		}
	}
	return nil
}

// writeTags gives every block the tag of zeros, and makes it zeros.
func (f *Format) writeTags(ctx context.Context) error {
	progress := &parallel.Meter{Tell: f.Progress}
	units := (f.ProvidedSectors + tagSectors - 1) / tagSectors
	return parallel.Do(ctx, f.Workers, units, func() func(uint64) error {
		w := &tagWriter{Format: f, tagger: newTagger(&f.Superblock, f.Hash), zeros: make([]byte, f.BlockSize())}
		return func(unit uint64) error {
			at, end := unit*tagSectors, min(f.ProvidedSectors, (unit+1)*tagSectors)
			for at < end {
				piece := min(f.untilArea(at), end-at)
				if err := w.write(at, piece); err != nil {
					return err
				}
				at += piece
				progress.Add(int(piece) * SectorSize)
			}
			return nil
		}
	})
}

// tagSectors is how many sectors one worker writes the tags of at once.
const tagSectors = 8192

type tagWriter struct {
	*Format
	tagger *tagger
	zeros  []byte
	tags   []byte
}

// write makes sectors of one area zeros.
func (w *tagWriter) write(sector, count uint64) error {
	if w.Zero != nil {
		if err := w.Zero(w.DataByte(sector), int64(count)*SectorSize); err != nil {
			return fmt.Errorf("integrity: clearing %d sectors from sector %d: %w", count, sector, err)
		}
	}
	w.tags = w.tags[:0]
	for at := sector; at < sector+count; at += 1 << w.Log2Block {
		w.tags = append(w.tags, w.tagger.tag(at, w.zeros)...)
	}
	return writeAll(w.Meta, w.tags, w.TagByte(sector), "tags")
}
