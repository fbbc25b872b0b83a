// SPDX-License-Identifier: Apache-2.0

package content

import (
	"bytes"
	"compress/zlib"
	"fmt"
	"io"
)

// squashfs reads version 4:
//
//	superblock:      magic "hsqs", block size 12, fragments 16, compression 20 (1: zlib), version 28, root 32,
//	                 inode table 64, directory table 72, fragment table 80
//	metadata:        blocks of a length (2 bytes, bit 15: not compressed) and at most 8192 bytes once uncompressed;
//	                 a reference is the block's offset in its table, shifted by 16, and the offset in it
//	inode:           kind 0; a directory (1) has block 16, size 24 (2 bytes), offset 26; a large one (8) size 20,
//	                 block 24, offset 34; a file (2) start 16, fragment 20, size 28, lengths of blocks from 32 on; a
//	                 large one (9) start 16 (8 bytes), size 24 (8 bytes), fragment 44, lengths from 56 on
//	directory:       a head: entries less one 0, inode block 4; entries: offset 0, kind 4, name length less one 6,
//	                 name 8
//	length of block: bit 24: not compressed; 0: a hole
//	fragments:       16 bytes each in metadata blocks, which the table lists: start 0 (8 bytes), length 8
//
// Several files share a fragment, and each is said to lie on it.
type squashfs struct {
	image               io.ReaderAt
	block               int64
	fragments           int64
	root                uint64
	inodes, dirs, table int64

	blocks map[int64]metadata // that were read last
}

// metadata is an uncompressed block, and where the next one lies.
type metadata struct {
	content []byte
	next    int64
}

const (
	metadataSize   = 8192
	keptMetadata   = 64
	noFragment     = 0xffffffff
	maxDataBlocks  = 1 << 24
	uncompressed16 = 0x8000
)

func openSquashfs(image io.ReaderAt) (source, error) {
	p, err := bytesAt(image, 0, 96)
	if err != nil || string(p[:4]) != "hsqs" {
		return nil, ErrUnknown
	}
	if le16(p, 28) != 4 || le32(p, 12) < 4096 || le32(p, 12) > 1<<20 {
		return nil, fmt.Errorf("squashfs: %w", ErrUnsupported)
	}
	s := &squashfs{
		image: image, block: le32(p, 12), fragments: le32(p, 16), root: le64(p, 32), inodes: int64(le64(p, 64)),
		dirs: int64(le64(p, 72)), table: int64(le64(p, 80)), blocks: map[int64]metadata{},
	}
	if _, err := s.meta(s.inodes); err != nil {
		return nil, fmt.Errorf("squashfs, tables that cannot be read here (compression %d): %w", le16(p, 20),
			ErrUnsupported)
	}
	return s, nil
}

func (s *squashfs) name() string { return "squashfs" }

func (s *squashfs) walk(w *walk) error {
	s.inode(w, "", int64(s.root>>16), int(s.root&0xffff), 0)
	return nil
}

// meta reads the metadata block at an offset.
func (s *squashfs) meta(at int64) (metadata, error) {
	if m, found := s.blocks[at]; found {
		return m, nil
	}
	head, err := bytesAt(s.image, at, 2)
	if err != nil {
		return metadata{}, err
	}
	length := le16(head, 0)
	stored := length&uncompressed16 != 0
	length &^= uncompressed16
	if length == 0 || length > metadataSize {
		return metadata{}, fmt.Errorf("metadata of %d bytes: %w", length, ErrUnsupported)
	}
	p, err := bytesAt(s.image, at+2, length)
	if err != nil {
		return metadata{}, err
	}
	if !stored {
		if p, err = inflate(p); err != nil {
			return metadata{}, err
		}
	}
	if len(s.blocks) >= keptMetadata {
		clear(s.blocks)
	}
	m := metadata{p, at + 2 + int64(length)}
	s.blocks[at] = m
	return m, nil
}

func inflate(p []byte) ([]byte, error) {
	z, err := zlib.NewReader(bytes.NewReader(p))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(z, metadataSize))
}

// cursor reads on from a place in a table.
type cursor struct {
	s      *squashfs
	block  int64
	offset int
}

func (c *cursor) read(n int) ([]byte, error) {
	out := make([]byte, 0, n)
	for len(out) < n {
		m, err := c.s.meta(c.block)
		if err != nil {
			return nil, err
		}
		if c.offset >= len(m.content) {
			if c.offset > len(m.content) || len(m.content) == 0 {
				return nil, fmt.Errorf("byte %d of metadata: %w", c.offset, ErrUnsupported)
			}
			c.block, c.offset = m.next, 0
			continue
		}
		piece := m.content[c.offset:][:min(n-len(out), len(m.content)-c.offset)]
		out = append(out, piece...)
		c.offset += len(piece)
	}
	return out, nil
}

func (s *squashfs) inode(w *walk, path string, block int64, offset, depth int) {
	if !w.next() {
		return
	}
	c := &cursor{s, s.inodes + block, offset}
	p, err := c.read(16)
	if err == nil {
		switch le16(p, 0) {
		case 1, 8:
			err = s.directory(w, path, c, le16(p, 0), uint64(block)<<16|uint64(offset), depth)
		case 2, 9:
			err = s.file(w, path, c, le16(p, 0))
		}
	}
	if err != nil {
		w.unread++
	}
}

func (s *squashfs) directory(w *walk, path string, c *cursor, kind int, id uint64, depth int) error {
	p, err := c.read(map[int]int{1: 16, 8: 24}[kind])
	if err != nil {
		return err
	}
	at, size, offset := le32(p, 0), int64(le16(p, 8)), le16(p, 10)
	if kind == 8 {
		size, at, offset = le32(p, 4), le32(p, 8), le16(p, 18)
	}
	if size <= 3 || !w.enter(id, depth) {
		return nil
	}
	list := &cursor{s, s.dirs + at, offset}
	for left := min(size-3, maxDirectory); left > 0; {
		used, err := s.entries(w, path, list, depth)
		if err != nil {
			return err
		}
		left -= used
	}
	return nil
}

// entries reads a head and what it counts, and returns how many bytes that was.
func (s *squashfs) entries(w *walk, path string, list *cursor, depth int) (used int64, err error) {
	head, err := list.read(12)
	if err != nil {
		return 0, err
	}
	count, block := le32(head, 0)+1, le32(head, 4)
	if count > 256 {
		return 0, fmt.Errorf("%d entries: %w", count, ErrUnsupported)
	}
	used = 12
	for range count {
		p, err := list.read(8)
		if err != nil {
			return 0, err
		}
		name, err := list.read(le16(p, 6) + 1)
		if err != nil {
			return 0, err
		}
		used += 8 + int64(len(name))
		s.inode(w, join(path, string(name)), block, le16(p, 0), depth+1)
	}
	return used, nil
}

func (s *squashfs) file(w *walk, path string, c *cursor, kind int) error {
	p, err := c.read(map[int]int{2: 16, 9: 40}[kind])
	if err != nil {
		return err
	}
	at, fragment, size := le32(p, 0), le32(p, 4), le32(p, 12)
	if kind == 9 {
		at, size, fragment = int64(le64(p, 0)), int64(le64(p, 8)), le32(p, 28)
	}
	blocks := (size + s.block - 1) / s.block
	if fragment != noFragment {
		blocks = size / s.block
	}
	if size < 0 || blocks > maxDataBlocks {
		return fmt.Errorf("a file of %d bytes: %w", size, ErrUnsupported)
	}
	for range blocks {
		l, err := c.read(4)
		if err != nil {
			return err
		}
		length := le32(l, 0) & 0xffffff
		w.visit(path, Span{at, length})
		at += length
	}
	if fragment == noFragment {
		return nil
	}
	return s.fragment(w, path, fragment)
}

func (s *squashfs) fragment(w *walk, path string, number int64) error {
	if number >= s.fragments {
		return fmt.Errorf("fragment %d of %d: %w", number, s.fragments, ErrUnsupported)
	}
	place, err := w.bytesAt(s.table+number/512*8, 8)
	if err != nil {
		return err
	}
	c := &cursor{s, int64(le64(place, 0)), int(number%512) * 16}
	p, err := c.read(16)
	if err != nil {
		return err
	}
	w.visit(path, Span{int64(le64(p, 0)), le32(p, 8) & 0xffffff})
	return nil
}
