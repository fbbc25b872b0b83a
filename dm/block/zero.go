// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// ZeroRange writes zeros to [off, off+n): by BLKZEROOUT on whole sectors of a block device, so
// that the device may do it by itself, else by writing. Sync makes it durable. A long range on a
// block device cannot be interrupted; who wants to cancel goes in pieces.
func (d *Device) ZeroRange(off, n int64) error {
	if err := d.checkWrite(off, n); err != nil {
		return &IOError{Path: d.path, Op: "zero", Offset: off, Length: n, Err: err}
	}
	sector := int64(d.logical)
	from, to := extent.Up(off, sector), extent.Down(off+n, sector)
	if !d.block || from >= to || !d.zeroSectors(from, to-from) {
		return d.writeZeros(off, n)
	}
	if err := d.writeZeros(off, from-off); err != nil {
		return err
	}
	return d.writeZeros(to, off+n-to)
}

// zeroSectors tells whether BLKZEROOUT did it; where it did not, for whatever reason, writing
// gives the verdict.
func (d *Device) zeroSectors(off, n int64) bool {
	if err := zeroOut(d.fd, off, n); err != nil {
		return false
	}
	d.markDirty(off, n)
	return true
}

func (d *Device) writeZeros(off, n int64) error {
	zeros := make([]byte, min(n, bounceSize))
	for n > 0 {
		part := zeros[:min(n, int64(len(zeros)))]
		if _, err := d.WriteAt(part, off); err != nil {
			return asZero(err)
		}
		off += int64(len(part))
		n -= int64(len(part))
	}
	return nil
}

func asZero(err error) error {
	var failed *IOError
	if errors.As(err, &failed) && failed.Op == "write" {
		failed.Op = "zero"
	}
	return err
}
