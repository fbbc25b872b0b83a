// SPDX-License-Identifier: Apache-2.0

package fvault2

import (
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/luks/header"
)

// Found is a copy of the header or of the metadata as it was found.
type Found struct {
	Offset   uint64 // bytes
	State    header.State
	Err      error     // why it is not valid
	Metadata *Metadata // of a label; nil where it leads to none
}

// Headers is how many copies of the header come first in Copies.Found.
const Headers = 2

// Copies is what Read found.
type Copies struct {
	*Header
	Found  []Found // the header at the beginning, the one at the end, then the labels
	Device uint64  // bytes
}

// Read reads both headers and the metadata of every label. It writes nothing, and no error of one copy keeps it from
// the others. The error is that of the first header where neither is valid: ErrNotFileVault, a FieldError, the
// device's.
func Read(dev io.ReaderAt, size int64) (*Copies, error) {
	c := &Copies{Device: uint64(max(size, 0))}
	p := make([]byte, HeaderSize)
	for at, i := uint64(0), 0; i < Headers; i++ {
		err := header.ReadFull(dev, p, at)
		var h *Header
		if err == nil {
			h, err = ParseHeader(p)
		}
		if c.Header == nil {
			c.Header = h
		}
		c.add(at, nil, err)
		at = c.lastHeader()
	}
	if c.Header == nil {
		return c, c.Found[0].Err
	}
	cipher, err := newMetadataCipher(c.key)
	if err != nil {
		return nil, err
	}
	defer cipher.close()
	l := &loader{dev: dev, size: c.Device, h: c.Header, metadataCipher: cipher}
	for _, at := range c.Header.Labels {
		m, err := l.load(at)
		c.add(at, m, err)
	}
	return c, nil
}

// lastHeader is where the copy of the header lies: at the end of the volume, or of the device where the first one does
// not tell.
func (c *Copies) lastHeader() uint64 {
	end := c.Device
	if c.Header != nil {
		end = min(end, c.Header.Size)
	}
	return max(end/HeaderSize, 1)*HeaderSize - HeaderSize
}

func (c *Copies) add(at uint64, m *Metadata, err error) {
	state := header.Unreadable
	switch {
	case err == nil:
		state = header.Valid
	case errors.Is(err, ErrNotFileVault):
		state = header.Absent
	case errors.Is(err, ErrField), errors.Is(err, ErrUnsupported):
		state = header.Damaged
	}
	c.Found = append(c.Found, Found{at, state, err, m})
}

// Volume is a volume as its chosen copy has it.
type Volume struct {
	*Copies
	*Metadata
	Chosen int // in Copies.Found
}

// Choose takes, of the valid labels, the one with the highest transaction; of equal ones the first; where none is
// valid, one whose own checksum alone is wrong. The error is ErrNoMetadata with that of each.
func Choose(c *Copies) (*Volume, error) {
	var best *Found
	v, err := &Volume{Copies: c}, ErrNoMetadata
	for i := range c.Found {
		f := &c.Found[i]
		if f.Metadata != nil && (best == nil || f.better(best)) {
			best, v.Chosen, v.Metadata = f, i, f.Metadata
		}
		err = errors.Join(err, f.Err)
	}
	if best == nil {
		return nil, err
	}
	return v, nil
}

func (f *Found) better(than *Found) bool {
	if f.State != than.State {
		return f.State == header.Valid
	}
	return f.Metadata.Transaction > than.Metadata.Transaction
}

// Healthy tells whether every copy is valid. That one is older than another is no damage: a label may be written at
// each change in turn, so that the last state is still there when a write fails.
func (v *Volume) Healthy() bool {
	for _, f := range v.Found {
		if f.State != header.Valid {
			return false
		}
	}
	return true
}

// Load reads a device and chooses. Errors are those of Read and Choose.
func Load(dev io.ReaderAt, size int64) (*Volume, error) {
	c, err := Read(dev, size)
	if err != nil {
		return nil, err
	}
	return Choose(c)
}
