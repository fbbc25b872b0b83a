// SPDX-License-Identifier: Apache-2.0

package integrity

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
)

const (
	journalPayload  = 504 // bytes of a journal sector
	macPerSector    = 8   // bytes of its payload, with a MAC
	metadataSectors = 8   // of a section
	commitIDs       = 4

	unusedEntry     = 0xffffffff // upper half of an entry's sector
	inProgressEntry = 0xfffffffe
)

// JournalKeys are what a journal is authenticated and encrypted with; nil for nothing.
type JournalKeys struct{ MAC, Crypt *Algorithm }

// journal reads and writes sections in the clear.
type journal struct {
	*Layout
	mac    *MAC
	cipher sectionCipher // nil: the journal is not encrypted
	commit [commitIDs]uint64
}

func (l *Layout) journal(keys JournalKeys) (*journal, error) {
	j := &journal{Layout: l}
	for seq := range j.commit {
		j.commit[seq] = 0x1111111111111111 * uint64(seq+1)
	}
	if (keys.MAC != nil) != (l.Flags&HaveJournalMAC != 0) {
		const why = "it is given where the superblock has it, and only there"
		return nil, &FieldError{"journal integrity", l.Flags.String(), why}
	}
	var err error
	if keys.MAC != nil {
		if j.mac, err = NewMAC(keys.MAC); err != nil {
			return nil, err
		}
	}
	if keys.Crypt != nil {
		if j.cipher, err = newSectionCipher(keys.Crypt, j.sectionBytes(), int64(l.JournalSections)); err != nil {
			return nil, err
		}
		j.cipher.commitIDs(&j.commit)
	}
	return j, nil
}

func (j *journal) sectionBytes() int { return int(j.SectionSectors) * SectorSize }

func (j *journal) sectionAt(section uint32) int64 {
	return j.JournalByte() + int64(section)*int64(j.sectionBytes())
}

// commitID is what the end of a journal sector holds.
func (j *journal) commitID(section uint32, sector, seq int) uint64 {
	return j.commit[seq] ^ uint64(section)<<32 ^ uint64(sector)
}

// read fills raw with a section in the clear.
func (j *journal) read(meta io.ReaderAt, section uint32, raw []byte) error {
	if n, err := meta.ReadAt(raw, j.sectionAt(section)); n < len(raw) {
		return fmt.Errorf("integrity: reading section %d of the journal: %w", section, err)
	}
	if j.cipher != nil {
		j.cipher.decrypt(section, raw)
	}
	return nil
}

// sequence is the number of the commit that a sector of the journal belongs to; -1 for none.
func (j *journal) sequence(section uint32, sector int, raw []byte) int {
	id := binary.LittleEndian.Uint64(raw[(sector+1)*SectorSize-8:])
	for seq := range j.commit {
		if id == j.commitID(section, sector, seq) {
			return seq
		}
	}
	return -1
}

// entry is one of a section: sector, saved bytes and tag.
func (j *journal) entry(raw []byte, e int) []byte {
	at := e%metadataSectors*SectorSize + e/metadataSectors*int(j.EntrySize)
	return raw[at : at+int(j.EntrySize)]
}

func (j *journal) tagOf(entry []byte) []byte {
	at := 8 + 8<<j.Log2Block
	return entry[at : at+int(j.TagSize)]
}

// block restores the data of an entry, appended to into.
func (j *journal) block(into, raw []byte, e int) []byte {
	entry := j.entry(raw, e)
	for s := range 1 << j.Log2Block {
		at := (metadataSectors + e<<j.Log2Block + s) * SectorSize
		into = append(into, raw[at:at+journalPayload]...)
		into = append(into, entry[8+8*s:16+8*s]...)
	}
	return into
}

// checkMAC compares the MAC of a section with that of its entries.
func (j *journal) checkMAC(section uint32, raw []byte) bool {
	if j.mac == nil {
		return true
	}
	sum := j.mac.section(j.Layout, section, j.entrySectors(raw))
	for s := range metadataSectors {
		at := s*SectorSize + journalPayload - macPerSector
		if !bytes.Equal(raw[at:at+macPerSector], sum[s*macPerSector:][:macPerSector]) {
			return false
		}
	}
	return true
}

func (j *journal) entrySectors(raw []byte) []byte {
	sectors := make([]byte, 0, 8*j.SectionEntries)
	for e := range int(j.SectionEntries) {
		sectors = append(sectors, j.entry(raw, e)[:8]...)
	}
	return sectors
}

// fresh fills raw with a section without entries, as it lies on the disk.
func (j *journal) fresh(section uint32, raw []byte) {
	clear(raw)
	for s := range int(j.SectionSectors) {
		binary.LittleEndian.PutUint64(raw[(s+1)*SectorSize-8:], j.commitID(section, s, 0))
	}
	for e := range int(j.SectionEntries) {
		binary.LittleEndian.PutUint32(j.entry(raw, e)[4:], unusedEntry)
	}
	if j.mac != nil {
		sum := j.mac.section(j.Layout, section, j.entrySectors(raw))
		for s := range metadataSectors {
			copy(raw[s*SectorSize+journalPayload-macPerSector:], sum[s*macPerSector:][:macPerSector])
		}
	}
	if j.cipher != nil {
		j.cipher.encrypt(section, raw)
	}
}

// scan is what all sections of a journal say before anything is replayed.
type scan struct {
	sections []sectionState
	used     [commitIDs]bool
	last     [commitIDs]uint32 // the last section that has a sector of a commit
	empty    bool              // no entry is used
	broken   bool              // a sector belongs to no commit: the kernel clears such a journal
}

// sectionState is the commit that all sectors of a section belong to, -1 for several, and whether entries are used.
type sectionState struct {
	seq  int8
	used bool
}

func (j *journal) scan(ctx context.Context, meta io.ReaderAt) (*scan, error) {
	s := &scan{empty: true}
	raw := make([]byte, j.sectionBytes())
	for section := range j.JournalSections {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if err := j.read(meta, section, raw); err != nil {
			return nil, err
		}
		state := sectionState{seq: int8(j.sequence(section, 0, raw)), used: j.anyUsed(raw)}
		for sector := range int(j.SectionSectors) {
			seq := j.sequence(section, sector, raw)
			if seq < 0 {
				s.broken = true
				return s, nil
			}
			if int8(seq) != state.seq {
				state.seq = -1
			}
			s.used[seq], s.last[seq] = true, section
		}
		s.sections = append(s.sections, state)
		s.empty = s.empty && !state.used
	}
	return s, nil
}

func (j *journal) anyUsed(raw []byte) bool {
	for e := range int(j.SectionEntries) {
		if binary.LittleEndian.Uint32(j.entry(raw, e)[4:]) != unusedEntry {
			return true
		}
	}
	return false
}

// newest is the latest commit: a used one before the first unused. ok is false where all four are used, which the
// kernel takes for a broken journal.
func (s *scan) newest() (seq int, ok bool) {
	unused := commitIDs - 1
	if !s.used[unused] {
		for unused > 0 && !s.used[unused-1] {
			unused--
		}
	} else {
		for unused = 0; unused < commitIDs && s.used[unused]; unused++ {
		}
	}
	return (unused + commitIDs - 1) % commitIDs, unused < commitIDs
}

// order lists the sections to be replayed, the oldest first.
func (s *scan) order() (sections []uint32) {
	seq, ok := s.newest()
	if s.broken || s.empty || !ok {
		return nil
	}
	count := len(s.sections)
	next := int(s.last[seq]) + 1
	want := (seq + commitIDs - 1) % commitIDs
	if next == count {
		next, want = 0, seq
	}
	for len(sections) < count && int(s.sections[next].seq) == want {
		sections = append(sections, uint32(next))
		if next++; next == count {
			next, want = 0, (want+1)%commitIDs
		}
	}
	return sections
}
