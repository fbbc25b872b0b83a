// SPDX-License-Identifier: Apache-2.0

// Package content tells which files of a file-system image lie on which bytes: of ext2, ext3 and ext4, of erofs whose
// files are not compressed, and of squashfs whose tables are not compressed or by zlib. It reads an image that may be
// damaged or made to do harm: what cannot be read is left out and said, and the work is bounded.
//
// Sources: Documentation/filesystems/ext4 and fs/erofs/erofs_fs.h of the Linux kernel, and
// Documentation/filesystems/squashfs.rst with fs/squashfs/squashfs_fs.h. Each file of this package has the layout that
// it reads.
package content

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"sort"
)

// Span is a run of bytes of an image.
type Span struct{ Offset, Length int64 }

// File is a file or directory on some of the spans that were asked for.
type File struct {
	Path  string
	Bytes int64 // of those spans
}

// Report says what lies on the spans.
type Report struct {
	FileSystem string // "ext4", "erofs", "squashfs"
	Files      []File // by path
	More       int    // that are not listed
	Others     int64  // bytes of the spans in no file: tables of the file system, free space, compressed directories
	// Unread is how many inodes or directories could not be read: files may be missing in the list.
	Unread int
}

// Errors of Find.
var (
	ErrUnknown     = errors.New("no ext4, erofs or squashfs")
	ErrUnsupported = errors.New("a file system of a kind whose files cannot be told")
)

// The bounds of the work.
const (
	maxFiles     = 10000   // in a report
	maxInodes    = 1 << 24 // that are looked at
	maxDirectory = 64 << 20
	maxDepth     = 256
)

// source is an image under its file system's rules.
type source interface {
	name() string
	// walk calls visit for each run of bytes of each file and directory below the root.
	walk(w *walk) error
}

// Find looks the spans up, which must not overlap. The error is of kind ErrUnknown or ErrUnsupported, or that of
// reading the superblock.
func Find(image io.ReaderAt, spans []Span) (*Report, error) {
	var s source
	var err error
	for _, open := range []func(io.ReaderAt) (source, error){openExt4, openErofs, openSquashfs} {
		if s, err = open(image); !errors.Is(err, ErrUnknown) {
			break
		}
	}
	if err != nil {
		return nil, err
	}
	w := &walk{
		image: image, spans: sorted(spans), found: map[string]int64{}, covered: map[int64]int64{},
		seen: map[uint64]bool{},
	}
	if err := s.walk(w); err != nil {
		return nil, err
	}
	return w.report(s.name()), nil
}

func sorted(spans []Span) []Span {
	s := append([]Span{}, spans...)
	sort.Slice(s, func(i, j int) bool { return s[i].Offset < s[j].Offset })
	return s
}

// walk is a search under way.
type walk struct {
	image   io.ReaderAt
	spans   []Span
	found   map[string]int64
	covered map[int64]int64 // bytes in files, by the offset of the span
	seen    map[uint64]bool // directories
	last    string          // path that was counted in more
	more    int
	inodes  int
	unread  int
}

// visit notes a run of bytes that a file lies on.
func (w *walk) visit(path string, run Span) {
	if run.Length <= 0 || run.Offset < 0 {
		return
	}
	end := run.Offset + run.Length
	at := sort.Search(len(w.spans), func(i int) bool { return w.spans[i].Offset+w.spans[i].Length > run.Offset })
	for ; at < len(w.spans) && w.spans[at].Offset < end; at++ {
		s := w.spans[at]
		common := min(end, s.Offset+s.Length) - max(run.Offset, s.Offset)
		w.covered[s.Offset] += common
		if _, listed := w.found[path]; listed || len(w.found) < maxFiles {
			w.found[path] += common
		} else if w.last != path {
			w.last = path
			w.more++
		}
	}
}

// enter tells whether a directory is to be read: not twice, and not without end.
func (w *walk) enter(inode uint64, depth int) bool {
	if w.seen[inode] || depth > maxDepth {
		w.unread++
		return false
	}
	w.seen[inode] = true
	return true
}

// next counts an inode; false once there are too many.
func (w *walk) next() bool {
	w.inodes++
	if w.inodes == maxInodes {
		w.unread++
	}
	return w.inodes < maxInodes
}

func (w *walk) report(name string) *Report {
	r := &Report{FileSystem: name, Unread: w.unread, More: w.more}
	for path, n := range w.found {
		r.Files = append(r.Files, File{path, n})
	}
	sort.Slice(r.Files, func(i, j int) bool { return r.Files[i].Path < r.Files[j].Path })
	for _, s := range w.spans {
		r.Others += max(0, s.Length-w.covered[s.Offset])
	}
	return r
}

// bytesAt reads n bytes.
func (w *walk) bytesAt(off int64, n int) ([]byte, error) { return bytesAt(w.image, off, n) }

func bytesAt(image io.ReaderAt, off int64, n int) ([]byte, error) {
	p := make([]byte, n)
	if off < 0 {
		return nil, fmt.Errorf("byte %d: %w", off, ErrUnsupported)
	}
	if got, err := image.ReadAt(p, off); got < n {
		return nil, fmt.Errorf("reading %d bytes at byte %d: %w", n, off, err)
	}
	return p, nil
}

func le16(p []byte, at int) int     { return int(binary.LittleEndian.Uint16(p[at:])) }
func le32(p []byte, at int) int64   { return int64(binary.LittleEndian.Uint32(p[at:])) }
func le64(p []byte, at int) uint64  { return binary.LittleEndian.Uint64(p[at:]) }
func join(path, name string) string { return path + "/" + name }
