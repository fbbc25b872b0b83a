// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"golang.org/x/sys/unix"
)

// span is a range of bytes; empty when from == to.
type span struct{ from, to int64 }

func (d *Device) markDirty(off, n int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.dirty.from == d.dirty.to {
		d.dirty = span{off, off + n}
		return
	}
	d.dirty = span{min(d.dirty.from, off), max(d.dirty.to, off+n)}
}

func (d *Device) takeDirty() span {
	d.mu.Lock()
	defer d.mu.Unlock()
	dirty := d.dirty
	d.dirty = span{}
	return dirty
}

// Sync makes all that was written durable (fsync(2)) and, unless the device is Direct, drops
// those bytes from the page cache, so that the next read comes from the medium. After an error
// every write since the last good Sync is unknown, and the kernel may report the error once
// only: write again, do not just sync again.
func (d *Device) Sync() error {
	if err := restart(func() error { return unix.Fsync(d.fd) }); err != nil {
		return &IOError{Path: d.path, Op: "sync", Err: err}
	}
	dirty := d.takeDirty()
	if !d.direct && dirty.to > dirty.from {
		d.dropPages(dirty)
	}
	return nil
}

// dropPages is advice: on a RAM-backed file system the page cache is the medium.
func (d *Device) dropPages(s span) {
	page := int64(unix.Getpagesize())
	from := extent.Down(s.from, page)
	_ = unix.Fadvise(d.fd, from, extent.Up(s.to-from, page), unix.FADV_DONTNEED)
}

// FlushBuffers syncs and drops the whole page cache of the device (BLKFLSBUF where the process
// may), so that reads see what another opener wrote past it.
func (d *Device) FlushBuffers() error {
	if err := d.Sync(); err != nil {
		return err
	}
	if !d.block {
		d.dropPages(span{0, d.Size()})
		return nil
	}
	err := restart(func() error { return unix.IoctlSetInt(d.fd, unix.BLKFLSBUF, 0) })
	if errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		d.dropPages(span{0, d.Size()})
		return nil
	}
	if err != nil {
		return &IOError{Path: d.path, Op: "flush", Err: err}
	}
	return nil
}
