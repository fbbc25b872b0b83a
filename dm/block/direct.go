// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/dm/extent"
	"github.com/orthrus-luks/orthrus/dm/secret"
	"golang.org/x/sys/unix"
)

// bounceSize is how much passes through a bounce buffer at once, in bytes.
const bounceSize = 1 << 20

// tryDirect switches the open file to O_DIRECT and keeps it so if the first sector can be read,
// or fails for another reason than alignment or lack of support.
func (d *Device) tryDirect() bool {
	if err := d.setDirect(true); err != nil {
		return false
	}
	sector, err := secret.New(d.logical)
	if err == nil {
		_, err = d.pread(sector.Bytes(), 0)
		_ = sector.Close()
	}
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.EOPNOTSUPP) || errors.Is(err, unix.ENOMEM) {
		_ = d.setDirect(false)
		return false
	}
	return true
}

func (d *Device) setDirect(on bool) error {
	flags, err := unix.FcntlInt(uintptr(d.fd), unix.F_GETFL, 0)
	if err != nil {
		return err
	}
	flags &^= unix.O_DIRECT
	if on {
		flags |= unix.O_DIRECT
	}
	_, err = unix.FcntlInt(uintptr(d.fd), unix.F_SETFL, flags)
	return err
}

// wholeSectors tells whether [off, off+len(p)) can go to the kernel without a bounce buffer.
func (d *Device) wholeSectors(p []byte, off int64) bool {
	sector := int64(d.logical)
	return off%sector == 0 && int64(len(p))%sector == 0 && aligned(p, d.logical)
}

// readDirect reads through a bounce buffer of whole sectors, which is locked memory and wiped,
// since it may carry keyslots; aligned memory is filled in place.
func (d *Device) readDirect(p []byte, off int64) (int, error) {
	if d.wholeSectors(p, off) {
		return d.readFD(p, off)
	}
	return d.bounce(p, off, func(part, sectors []byte, at, skip int64) (int, error) {
		n, err := d.readFD(sectors, at)
		got := copy(part, sectors[min(int(skip), n):n])
		if got == len(part) {
			return got, nil // what is missing lies behind what was asked for
		}
		return got, err
	})
}

// writeDirect writes whole sectors; the first and last are read before when only a part of them
// is written.
func (d *Device) writeDirect(p []byte, off int64) (int, error) {
	if d.wholeSectors(p, off) {
		return d.writeFD(p, off)
	}
	return d.bounce(p, off, func(part, sectors []byte, at, skip int64) (int, error) {
		if err := d.fillEdges(sectors, at, skip, skip+int64(len(part))); err != nil {
			return 0, err
		}
		copy(sectors[skip:], part)
		n, err := d.writeFD(sectors, at)
		return min(max(n-int(skip), 0), len(part)), err
	})
}

// fillEdges reads the first and the last sector of the bounce buffer if [from, to) leaves a part
// of them alone.
func (d *Device) fillEdges(sectors []byte, at, from, to int64) error {
	sector, last := int64(d.logical), int64(len(sectors)-d.logical)
	if from != 0 || to < sector {
		if err := d.readWhole(sectors[:sector], at); err != nil {
			return err
		}
	}
	if last != 0 && to != int64(len(sectors)) {
		return d.readWhole(sectors[last:], at+last)
	}
	return nil
}

func (d *Device) readWhole(p []byte, off int64) error {
	n, err := d.readFD(p, off)
	if errors.Is(err, io.EOF) {
		return d.fail("read", off+int64(n), len(p)-n, io.ErrUnexpectedEOF)
	}
	return err
}

// bounce walks [off, off+len(p)) in pieces of at most bounceSize and gives move each piece, with
// aligned memory for the whole sectors around it, their offset, and how far into them it starts.
func (d *Device) bounce(p []byte, off int64, move func(part, sectors []byte, at, skip int64) (int, error)) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	sector := int64(d.logical)
	buffer, err := secret.New(int(min(bounceSize, extent.Up(int64(len(p)), sector)+sector)))
	if err != nil {
		return 0, err
	}
	defer buffer.Close()
	for done := 0; ; {
		at := off + int64(done)
		skip := at % sector
		part := p[done:min(len(p), done+buffer.Len()-int(skip))]
		n, err := move(part, buffer.Bytes()[:extent.Up(skip+int64(len(part)), sector)], at-skip, skip)
		done += n
		if err != nil || done == len(p) {
			return done, err
		}
	}
}
