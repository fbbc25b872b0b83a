// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
)

// Replay is what a journal holds that has not reached its place: the blocks as the kernel would write them before
// anything else. It is safe for several goroutines.
type Replay struct {
	Cleared bool // the journal is no journal: the kernel clears it, and nothing in it counts
	entries map[uint64]place
	journal *journal
	meta    io.ReaderAt

	mu     sync.Mutex
	cached uint32
	raw    []byte // section cached, in the clear; nil for none
}

type place struct {
	section uint32
	entry   uint16
}

// Blocks is how many blocks the journal has newer versions of.
func (r *Replay) Blocks() int {
	if r == nil {
		return 0
	}
	return len(r.entries)
}

// ReadJournal reads a journal and finds what the kernel would replay. hash is the internal hash, nil where tags are
// somebody else's. A *JournalError is one at which the kernel would refuse the device.
func (l *Layout) ReadJournal(
	ctx context.Context, meta io.ReaderAt, keys JournalKeys, hash *Algorithm,
) (*Replay, error) {
	j, err := l.journal(keys)
	if err != nil {
		return nil, err
	}
	found, err := j.scan(ctx, meta)
	if err != nil {
		return nil, err
	}
	_, ordered := found.newest()
	r := &Replay{Cleared: found.broken || !ordered, entries: map[uint64]place{}, journal: j, meta: meta}
	var tags *tagger
	if hash != nil {
		tags = newTagger(&l.Superblock, hash)
	}
	raw := make([]byte, j.sectionBytes())
	for _, section := range found.order() {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if !found.sections[section].used && j.mac == nil {
			continue
		}
		if err := j.read(meta, section, raw); err != nil {
			return nil, err
		}
		if err := r.take(section, raw, tags); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// take adds the entries of a section.
func (r *Replay) take(section uint32, raw []byte, tags *tagger) error {
	j := r.journal
	if !j.checkMAC(section, raw) {
		return &JournalError{section, 0, "the MAC is not that of the entries"}
	}
	var block []byte
	for e := range int(j.SectionEntries) {
		entry := j.entry(raw, e)
		sector := binary.LittleEndian.Uint64(entry)
		if sector>>32 >= inProgressEntry {
			continue
		}
		if sector&(1<<j.Log2Block-1) != 0 {
			return &JournalError{section, sector, "it is no first sector of a block"}
		}
		if sector >= j.ProvidedSectors {
			continue
		}
		if tags != nil {
			block = j.block(block[:0], raw, e)
			if !bytes.Equal(tags.tag(sector, block), j.tagOf(entry)) {
				return &JournalError{section, sector, "the tag is not that of the data"}
			}
		}
		r.entries[sector] = place{section, uint16(e)}
	}
	return nil
}

// overlay replaces data and tags of the blocks from sector on by what the journal has for them.
func (r *Replay) overlay(sector uint64, data, tags []byte) error {
	if r.Blocks() == 0 {
		return nil
	}
	size, tag := r.journal.BlockSize(), int(r.journal.TagSize)
	for at := 0; at < len(data); at += size {
		p, found := r.entries[sector+uint64(at/SectorSize)]
		if !found {
			continue
		}
		block := at / size
		if err := r.restore(p, data[at:at+size], tags[block*tag:(block+1)*tag]); err != nil {
			return err
		}
	}
	return nil
}

func (r *Replay) restore(p place, data, tag []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.raw == nil || r.cached != p.section {
		r.raw = make([]byte, r.journal.sectionBytes())
		if err := r.journal.read(r.meta, p.section, r.raw); err != nil {
			r.raw = nil
			return err
		}
		r.cached = p.section
	}
	r.journal.block(data[:0], r.raw, int(p.entry))
	copy(tag, r.journal.tagOf(r.journal.entry(r.raw, int(p.entry))))
	return nil
}

// ReadBlock reads one block and its tag, which is not judged, as they are once the journal is replayed. data and tag
// are as long as a block and a tag.
func (l *Layout) ReadBlock(dev io.ReaderAt, r *Replay, sector uint64, data, tag []byte) error {
	n, err := dev.ReadAt(data, l.DataByte(sector))
	if n == len(data) {
		if n, err = dev.ReadAt(tag, l.TagByte(sector)); n == len(tag) {
			return r.overlay(sector, data, tag)
		}
	}
	return fmt.Errorf("integrity: reading sector %d: %w", sector, err)
}
