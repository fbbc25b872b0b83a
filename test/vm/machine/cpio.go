// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"fmt"
	"io"
	"io/fs"
	"path"
)

// cpioWriter writes the "newc" archive that Linux unpacks as its first file
// system (Documentation/driver-api/early-userspace/buffer-format.rst): per
// entry a header of 110 ASCII bytes, the name and its NUL, then the data, name
// and data padded to 4 bytes; "TRAILER!!!" ends the archive.
type cpioWriter struct {
	w     io.Writer
	inode uint32
	seen  map[string]bool
	err   error
}

const (
	cpioDir     = 0o040000
	cpioFile    = 0o100000
	cpioSymlink = 0o120000
	cpioChar    = 0o020000
)

func newCPIO(w io.Writer) *cpioWriter {
	return &cpioWriter{w: w, seen: map[string]bool{}}
}

func (c *cpioWriter) has(name string) bool { return c.seen[name] }

func (c *cpioWriter) mkdirAll(dir string) {
	dir = path.Clean("/" + dir)
	if dir == "/" || c.seen[dir] {
		return
	}
	c.mkdirAll(path.Dir(dir))
	c.entry(dir, cpioDir|0o755, nil, 0, 0)
}

func (c *cpioWriter) file(name string, mode fs.FileMode, data []byte) {
	c.mkdirAll(path.Dir(name))
	c.entry(name, cpioFile|uint32(mode.Perm()), data, 0, 0)
}

func (c *cpioWriter) symlink(name, target string) {
	c.mkdirAll(path.Dir(name))
	c.entry(name, cpioSymlink|0o777, []byte(target), 0, 0)
}

func (c *cpioWriter) char(name string, major, minor uint32) {
	c.mkdirAll(path.Dir(name))
	c.entry(name, cpioChar|0o600, nil, major, minor)
}

func (c *cpioWriter) entry(name string, mode uint32, data []byte, major, minor uint32) {
	if c.seen[name] {
		return
	}
	c.seen[name] = true
	c.inode++
	c.record(name[1:], mode, c.inode, data, major, minor)
}

func (c *cpioWriter) record(name string, mode, inode uint32, data []byte, major, minor uint32) {
	const links, uid, gid, mtime, devMajor, devMinor, check = 1, 0, 0, 0, 0, 0, 0
	c.printf("070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x", inode, mode, uid, gid, links, mtime,
		len(data), devMajor, devMinor, major, minor, len(name)+1, check)
	c.printf("%s\x00", name)
	c.pad(110 + len(name) + 1)
	c.write(data)
	c.pad(len(data))
}

func (c *cpioWriter) close() error {
	c.record("TRAILER!!!", 0, 0, nil, 0, 0)
	return c.err
}

func (c *cpioWriter) pad(n int) { c.write(make([]byte, (4-n%4)%4)) }

func (c *cpioWriter) printf(format string, args ...any) {
	c.write(fmt.Appendf(nil, format, args...))
}

func (c *cpioWriter) write(p []byte) {
	if c.err == nil {
		_, c.err = c.w.Write(p)
	}
}
