// SPDX-License-Identifier: Apache-2.0

package cpio

import (
	"fmt"
	"io"
	"io/fs"
	"path"
)

// Writer writes an archive. The first error is kept and returned by Close; a
// name that is there already is not written again.
type Writer struct {
	w     io.Writer
	inode uint32
	seen  map[string]bool
	err   error
}

// Bits of the mode field beside the permissions.
const (
	kindDir     = 0o040000
	kindFile    = 0o100000
	kindSymlink = 0o120000
	kindChar    = 0o020000
)

const headerSize = 110 // bytes

// NewWriter begins an archive.
func NewWriter(w io.Writer) *Writer {
	return &Writer{w: w, seen: map[string]bool{}}
}

// Has tells whether the archive has an entry of that absolute name.
func (c *Writer) Has(name string) bool { return c.seen[name] }

// Names returns the names written so far, in no order.
func (c *Writer) Names() []string {
	names := make([]string, 0, len(c.seen))
	for name := range c.seen {
		names = append(names, name)
	}
	return names
}

// MkdirAll adds a directory and those above it.
func (c *Writer) MkdirAll(dir string) {
	dir = path.Clean("/" + dir)
	if dir == "/" || c.seen[dir] {
		return
	}
	c.MkdirAll(path.Dir(dir))
	c.entry(dir, kindDir|0o755, nil, 0, 0)
}

// File adds a file of an absolute name and the directories above it.
func (c *Writer) File(name string, mode fs.FileMode, data []byte) {
	c.MkdirAll(path.Dir(name))
	c.entry(name, kindFile|uint32(mode.Perm()), data, 0, 0)
}

// Symlink adds a link to target.
func (c *Writer) Symlink(name, target string) {
	c.MkdirAll(path.Dir(name))
	c.entry(name, kindSymlink|0o777, []byte(target), 0, 0)
}

// Char adds a character device.
func (c *Writer) Char(name string, major, minor uint32) {
	c.MkdirAll(path.Dir(name))
	c.entry(name, kindChar|0o600, nil, major, minor)
}

func (c *Writer) entry(name string, mode uint32, data []byte, major, minor uint32) {
	if c.seen[name] {
		return
	}
	c.seen[name] = true
	c.inode++
	c.record(name[1:], mode, c.inode, data, major, minor)
}

func (c *Writer) record(name string, mode, inode uint32, data []byte, major, minor uint32) {
	const links, uid, gid, mtime, devMajor, devMinor, check = 1, 0, 0, 0, 0, 0, 0
	c.printf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", inode, mode, uid, gid, links, mtime,
		len(data), devMajor, devMinor, major, minor, len(name)+1, check)
	c.printf("%s\x00", name)
	c.pad(headerSize + len(name) + 1)
	c.write(data)
	c.pad(len(data))
}

// Close ends the archive and returns the first error there was.
func (c *Writer) Close() error {
	c.record("TRAILER!!!", 0, 0, nil, 0, 0)
	return c.err
}

func (c *Writer) pad(n int) { c.write(make([]byte, (4-n%4)%4)) }

func (c *Writer) printf(format string, args ...any) {
	c.write(fmt.Appendf(nil, format, args...))
}

func (c *Writer) write(p []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(p)
	}
}
