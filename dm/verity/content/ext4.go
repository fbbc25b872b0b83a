// SPDX-License-Identifier: Apache-2.0

package content

import (
	"fmt"
	"io"
)

// ext4 reads
//
//	superblock at 1024:  inodes 0, blocks 4, log2(block/1024) 24, inodes per group 40, magic ef53 at 56,
//	                     inode size 88, incompatible features 96, descriptor size 254
//	descriptors:         in the block behind the superblock; inode table at 8, high half at 40
//	inode:               mode 0, size 4 and 108, flags 32, map 40 (60 bytes)
//	extents:             magic f30a, entries 2, depth 6; from 12 on entries of 12 bytes:
//	                     a leaf: length 4, start high 6, start low 8; an index: block low 4, block high 8
//	directory:           inode 0, record length 4, name length 6, name 8
type ext4 struct {
	image     io.ReaderAt
	block     int64
	perGroup  int64
	inodes    int64
	inodeSize int64
	first     int64 // block of the descriptors
	descSize  int64
	wide      bool
}

const (
	ext4Root     = 2
	ext4Extents  = 0x80000
	ext4Inline   = 0x10000000
	ext4MetaBG   = 0x10
	ext4Wide     = 0x80
	directory    = 0o040000
	regular      = 0o100000
	symlink      = 0o120000
	kindMask     = 0o170000
	maxExtDepth  = 5
	extentMagic  = 0xf30a
	unwrittenLen = 32768
)

func openExt4(image io.ReaderAt) (source, error) {
	p, err := bytesAt(image, 1024, 1024)
	if err != nil || le16(p, 56) != 0xef53 {
		return nil, ErrUnknown
	}
	e := &ext4{image: image, perGroup: le32(p, 40), inodes: le32(p, 0), inodeSize: int64(le16(p, 88)), descSize: 32}
	shift, features := le32(p, 24), le32(p, 96)
	if shift > 6 || e.perGroup == 0 || features&ext4MetaBG != 0 {
		return nil, fmt.Errorf("ext4: %w", ErrUnsupported)
	}
	if le32(p, 76) == 0 { // revision 0
		e.inodeSize = 128
	}
	e.block = 1024 << shift
	e.first = 1
	if e.block == 1024 {
		e.first = 2
	}
	if e.wide = features&ext4Wide != 0; e.wide {
		e.descSize = int64(le16(p, 254))
	}
	if e.inodeSize < 128 || e.inodeSize > e.block || e.descSize < 32 || e.wide && e.descSize < 64 {
		return nil, fmt.Errorf("ext4: %w", ErrUnsupported)
	}
	return e, nil
}

func (e *ext4) name() string { return "ext4" }

func (e *ext4) walk(w *walk) error {
	e.inode(w, "", ext4Root, 0)
	return nil
}

// read returns an inode.
func (e *ext4) read(w *walk, number int64) ([]byte, error) {
	if number < 1 || number > e.inodes {
		return nil, fmt.Errorf("inode %d: %w", number, ErrUnsupported)
	}
	d, err := w.bytesAt(e.first*e.block+(number-1)/e.perGroup*e.descSize, int(e.descSize))
	if err != nil {
		return nil, err
	}
	table := le32(d, 8)
	if e.wide {
		table |= le32(d, 40) << 32
	}
	return w.bytesAt(table*e.block+(number-1)%e.perGroup*e.inodeSize, int(e.inodeSize))
}

func (e *ext4) inode(w *walk, path string, number int64, depth int) {
	if !w.next() {
		return
	}
	p, err := e.read(w, number)
	if err != nil {
		w.unread++
		return
	}
	mode, flags := le16(p, 0)&kindMask, le32(p, 32)
	size := le32(p, 4) | le32(p, 108)<<32
	if mode != directory && mode != regular && (mode != symlink || size < 60) || flags&ext4Inline != 0 {
		return
	}
	shown := path
	if shown == "" {
		shown = "/"
	}
	runs := e.runs(w, p, flags)
	for _, run := range runs {
		w.visit(shown, run)
	}
	if mode == directory && w.enter(uint64(number), depth) {
		e.directory(w, path, runs, depth)
	}
}

// runs are the places of an inode's contents and of the blocks that map them.
func (e *ext4) runs(w *walk, p []byte, flags int64) (runs []Span) {
	add := func(start, blocks int64) {
		if n := len(runs) - 1; n >= 0 && runs[n].Offset+runs[n].Length == start*e.block {
			runs[n].Length += blocks * e.block
			return
		}
		runs = append(runs, Span{start * e.block, blocks * e.block})
	}
	if flags&ext4Extents != 0 {
		e.extents(w, p[40:100], 0, add)
		return runs
	}
	for i := range 15 {
		if b := le32(p, 40+4*i); b != 0 {
			e.mapped(w, b, max(0, i-11), add)
		}
	}
	return runs
}

func (e *ext4) extents(w *walk, node []byte, depth int, add func(start, blocks int64)) {
	entries := le16(node, 2)
	if le16(node, 0) != extentMagic || 12+12*entries > len(node) || depth > maxExtDepth {
		w.unread++
		return
	}
	leaf := le16(node, 6) == 0
	for i := range entries {
		x := node[12+12*i:][:12]
		if leaf {
			n := le16(x, 4)
			if n > unwrittenLen {
				n -= unwrittenLen
			}
			add(int64(le16(x, 6))<<32|le32(x, 8), int64(n))
			continue
		}
		below := le32(x, 4) | int64(le16(x, 8))<<32
		add(below, 1)
		if p, err := w.bytesAt(below*e.block, int(e.block)); err == nil && w.next() {
			e.extents(w, p, depth+1, add)
		} else {
			w.unread++
		}
	}
}

// mapped follows a block of the older map: level 0 is data.
func (e *ext4) mapped(w *walk, b int64, level int, add func(start, blocks int64)) {
	add(b, 1)
	if level == 0 {
		return
	}
	p, err := w.bytesAt(b*e.block, int(e.block))
	if err != nil || !w.next() {
		w.unread++
		return
	}
	for at := 0; at < len(p); at += 4 {
		if below := le32(p, at); below != 0 {
			e.mapped(w, below, level-1, add)
		}
	}
}

func (e *ext4) directory(w *walk, path string, runs []Span, depth int) {
	left := int64(maxDirectory)
	for _, run := range runs {
		for at := run.Offset; at < run.Offset+run.Length && left > 0; at += e.block {
			left -= e.block
			p, err := w.bytesAt(at, int(e.block))
			if err != nil {
				w.unread++
				continue
			}
			e.entries(w, path, p, depth)
		}
	}
}

func (e *ext4) entries(w *walk, path string, p []byte, depth int) {
	for at := 0; at+8 <= len(p); {
		length, n := le16(p, at+4), int(p[at+6])
		if length < 8 || at+8+n > len(p) {
			return // a block of an index, or of a map
		}
		name := string(p[at+8 : at+8+n])
		if number := le32(p, at); number != 0 && n > 0 && name != "." && name != ".." {
			e.inode(w, join(path, name), number, depth+1)
		}
		at += length
	}
}
