// SPDX-License-Identifier: Apache-2.0

package block

import (
	"golang.org/x/sys/unix"
)

// Path is the path the device was opened by.
func (d *Device) Path() string { return d.path }

// IsBlock tells a block device from a regular file.
func (d *Device) IsBlock() bool { return d.block }

// ReadOnly tells whether the device was opened for reading only.
func (d *Device) ReadOnly() bool { return !d.writable }

// Direct tells whether reads and writes pass the page cache.
func (d *Device) Direct() bool { return d.direct }

// Major and Minor are a block device's number; both 0 for a regular file.
func (d *Device) Major() uint32 { return unix.Major(d.number) }

// Minor see Major.
func (d *Device) Minor() uint32 { return unix.Minor(d.number) }

// LogicalSector is the smallest unit the device can read or write, in bytes; 512 for a file.
func (d *Device) LogicalSector() int { return d.logical }

// PhysicalSector is the smallest unit the medium writes at once, in bytes; 512 for a file.
func (d *Device) PhysicalSector() int { return d.physical }

// FD is the open file, for an ioctl that this package does not know; valid until Close.
func (d *Device) FD() int { return d.fd }

// Size is the size in bytes as of Open or the last Refresh.
func (d *Device) Size() int64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.size
}

// Refresh asks the kernel for the size again, in bytes: devices grow and shrink while open.
func (d *Device) Refresh() (int64, error) {
	size, err := d.currentSize()
	if err != nil {
		return 0, &IOError{Path: d.path, Op: "size", Err: err}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.size = size
	return size, nil
}

func (d *Device) currentSize() (int64, error) {
	if d.block {
		return deviceSize(d.fd)
	}
	var st unix.Stat_t
	err := unix.Fstat(d.fd, &st)
	return st.Size, err
}
