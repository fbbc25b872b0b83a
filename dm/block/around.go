// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
)

// ReadAround reads like ReadAt but goes on past sectors that cannot be read: their bytes in p
// become zeros and bad is told each run of them, in ascending order, clipped to what was asked
// for. It returns how many bytes of p lie on the device, with io.EOF when that is less than
// len(p); read errors reach the caller through bad alone. The unit is the logical sector when
// the device is Direct; through the page cache a bad sector takes its whole page with it.
//
// A run of n sectors with one bad sector costs about 2*log2(n) reads more than a sound one.
func (d *Device) ReadAround(p []byte, off int64, bad func(off, length int64, err error)) (int, error) {
	runs := badRuns{tell: bad}
	n, err := d.readAround(p, off, &runs)
	runs.flush()
	return n, err
}

func (d *Device) readAround(p []byte, off int64, runs *badRuns) (int, error) {
	n, err := d.ReadAt(p, off)
	var failed *IOError
	if err == nil || !errors.As(err, &failed) {
		return n, err
	}
	half := d.split(len(p), off)
	if half == 0 {
		clear(p)
		runs.add(off, int64(len(p)), err)
		return len(p), nil
	}
	n, err = d.readAround(p[:half], off, runs)
	if err != nil {
		return n, err
	}
	m, err := d.readAround(p[half:], off+int64(half), runs)
	return n + m, err
}

// split gives the sector boundary nearest to the middle of [off, off+n), relative to off; 0 if
// the range lies within one sector.
func (d *Device) split(n int, off int64) int {
	sector := int64(d.logical)
	middle := extent.Up(off+int64(n)/2, sector) - off
	if middle >= int64(n) {
		middle -= sector
	}
	return int(max(middle, 0))
}

// badRuns joins neighbouring unreadable sectors.
type badRuns struct {
	tell   func(off, length int64, err error)
	off, n int64
	err    error
}

func (r *badRuns) add(off, n int64, err error) {
	if r.n > 0 && off == r.off+r.n {
		r.n += n
		return
	}
	r.flush()
	r.off, r.n, r.err = off, n, err
}

func (r *badRuns) flush() {
	if r.n > 0 {
		r.tell(r.off, r.n, r.err)
	}
	r.n = 0
}

// ReadFull reads exactly len(p) bytes: the end of the device is io.ErrUnexpectedEOF in an
// *IOError.
func (d *Device) ReadFull(p []byte, off int64) error {
	n, err := d.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	if errors.Is(err, io.EOF) {
		return d.fail("read", off+int64(n), len(p)-n, io.ErrUnexpectedEOF)
	}
	return err
}
