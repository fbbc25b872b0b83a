// SPDX-License-Identifier: Apache-2.0

package content

import (
	"fmt"
	"io"
)

// erofs reads
//
//	superblock at 1024:  magic e0f5e1e2, log2(block) 12, root 14, block of the inodes 40
//	inode number n:      32·n bytes behind that block; format 0 (bit 0: 64 bytes, not 32; bits 1 to 3: layout),
//	                     attributes 2, mode 4, size 8, start 16
//	directory block:     entries of 12 bytes: inode 0, offset of the name 8; the first offset tells how many
//
// Layouts: 0 whole blocks from start on; 2 the same with the tail behind the inode; 4 chunks, whose places lie behind
// the inode; 1 and 3 are compressed, and not followed.
type erofs struct {
	image io.ReaderAt
	shift int64
	root  uint64
	at    int64 // of inode 0, bytes
}

const (
	erofsPlain  = 0
	erofsInline = 2
	erofsChunks = 4

	chunkIndexes = 0x20
	nowhere      = 0xffffffff
)

func openErofs(image io.ReaderAt) (source, error) {
	p, err := bytesAt(image, 1024, 128)
	if err != nil || le32(p, 0) != 0xe0f5e1e2 {
		return nil, ErrUnknown
	}
	e := &erofs{image: image, shift: int64(p[12]), root: uint64(le16(p, 14))}
	if e.shift < 9 || e.shift > 16 {
		return nil, fmt.Errorf("erofs: %w", ErrUnsupported)
	}
	e.at = le32(p, 40) << e.shift
	return e, nil
}

func (e *erofs) name() string { return "erofs" }

func (e *erofs) walk(w *walk) error {
	e.inode(w, "", e.root, 0)
	return nil
}

func (e *erofs) inode(w *walk, path string, number uint64, depth int) {
	if !w.next() || number > 1<<48 {
		return
	}
	at := e.at + int64(number)*32
	p, err := w.bytesAt(at, 32)
	if err != nil {
		w.unread++
		return
	}
	format, mode, size, length := le16(p, 0), le16(p, 4)&kindMask, le32(p, 8), int64(32)
	if format&1 != 0 {
		length = 64
		long, err := w.bytesAt(at, 64)
		if err != nil {
			w.unread++
			return
		}
		size = int64(le64(long, 8) &^ (1 << 63))
	}
	if n := int64(le16(p, 2)); n > 0 {
		length += 12 + 4*(n-1)
	}
	if mode != directory && mode != regular && mode != symlink {
		return
	}
	shown := path
	if shown == "" {
		shown = "/"
	}
	runs, told := e.runs(w, format>>1&7, le32(p, 16), size, at+length)
	if !told {
		w.unread++
		return
	}
	for _, run := range runs {
		w.visit(shown, run)
	}
	if mode == directory && w.enter(number, depth) {
		e.directory(w, path, runs, depth)
	}
}

// runs are the places of a file; tail is where the bytes behind its inode begin.
func (e *erofs) runs(w *walk, layout int, start, size, tail int64) (runs []Span, told bool) {
	block := int64(1) << e.shift
	switch layout {
	case erofsPlain:
		return []Span{{start << e.shift, size}}, true
	case erofsInline:
		whole := size / block * block
		return []Span{{start << e.shift, whole}, {tail, size - whole}}, true
	case erofsChunks:
		return e.chunks(w, start, size, tail)
	}
	return nil, false
}

func (e *erofs) chunks(w *walk, format, size, tail int64) (runs []Span, told bool) {
	chunk := int64(1) << (e.shift + format&0x1f)
	entry := int64(4)
	if format&chunkIndexes != 0 {
		entry = 8
		tail = (tail + 7) / 8 * 8
	} else {
		tail = (tail + 3) / 4 * 4
	}
	for off := int64(0); off < size; off += chunk {
		if !w.next() {
			return runs, true
		}
		p, err := w.bytesAt(tail, int(entry))
		if err != nil {
			return runs, false
		}
		if at := le32(p, int(entry)-4); at != nowhere {
			runs = append(runs, Span{at << e.shift, min(chunk, size-off)})
		}
		tail += entry
	}
	return runs, true
}

func (e *erofs) directory(w *walk, path string, runs []Span, depth int) {
	block := int64(1) << e.shift
	left := int64(maxDirectory)
	for _, run := range runs {
		for at := run.Offset; at < run.Offset+run.Length && left > 0; at += block {
			left -= block
			p, err := w.bytesAt(at, int(min(block, run.Offset+run.Length-at)))
			if err != nil {
				w.unread++
				continue
			}
			e.entries(w, path, p, depth)
		}
	}
}

func (e *erofs) entries(w *walk, path string, p []byte, depth int) {
	if len(p) < 12 {
		return
	}
	count := le16(p, 8) / 12
	for i := range count {
		if 12*(i+1) > len(p) {
			return
		}
		from, to := le16(p, 12*i+8), len(p)
		if i+1 < count && 12*(i+2) <= len(p) {
			to = le16(p, 12*(i+1)+8)
		}
		if from > to || to > len(p) {
			w.unread++
			return
		}
		name := cutNUL(p[from:to])
		if name != "" && name != "." && name != ".." {
			e.inode(w, join(path, name), le64(p, 12*i), depth+1)
		}
	}
}

// cutNUL is a name whose block is filled up with zeros.
func cutNUL(p []byte) string {
	for i, b := range p {
		if b == 0 {
			return string(p[:i])
		}
	}
	return string(p)
}
