// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"errors"
	"fmt"
	"io"

	"github.com/orthrus-luks/orthrus/luks/header"
)

// Found is one copy of the metadata as it was found.
type Found struct {
	Offset uint64 // bytes
	State  header.State
	Err    error  // why it is not valid; a FieldError, ErrNotBitLocker or the device's
	Block  *Block // nil where it could not be decoded
}

// Copies is what Read found.
type Copies struct {
	Boot  Boot
	Found [copiesKept]Found
	Size  uint64 // of the device, bytes
}

// Read reads the boot sector and every copy of the metadata. It writes nothing, and no error of one copy keeps it
// from the others: they are part of the result. The error is that of the boot sector: ErrNotBitLocker, a BootError,
// the device's.
func Read(dev io.ReaderAt, size int64) (*Copies, error) {
	c := &Copies{Size: uint64(max(size, 0))}
	p := make([]byte, BlockSize)
	err := header.ReadFull(dev, p[:BootSize], 0)
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = ErrNotBitLocker
	}
	if err != nil {
		return c, err
	}
	if c.Boot, err = ParseBoot(p); err != nil {
		return c, err
	}
	for i, offset := range c.Boot.Offsets {
		c.readCopy(dev, &c.Found[i], i, offset)
	}
	return c, nil
}

// readCopy reads the i-th copy into memory of its own, of which the Block is made.
func (c *Copies) readCopy(dev io.ReaderAt, f *Found, i int, offset uint64) {
	f.Offset = offset
	if offset > c.Size || c.Size-offset < BlockSize {
		f.Err = field("boot sector", "the device ends at byte %d, the copy at %d would not fit", c.Size, offset)
		return
	}
	p := make([]byte, BlockSize)
	if f.Err = header.ReadFull(dev, p, offset); f.Err != nil {
		f.State = header.Unreadable
		return
	}
	if f.Block, f.Err = Decode(p, c.Boot.SectorSize); f.Err == nil {
		f.Err = c.fits(f.Block, i)
	}
	switch {
	case f.Err == nil:
		f.State = header.Valid
	case !errors.Is(f.Err, ErrNotBitLocker):
		f.State = header.Damaged
	}
}

// fits: a copy names the place that it was read from, and what it describes can be on this device.
func (c *Copies) fits(b *Block, i int) error {
	if b.Offsets[i] != c.Boot.Offsets[i] {
		return field("offset", "%d, read at byte %d", b.Offsets[i], c.Boot.Offsets[i])
	}
	return b.checkLayout(c.length(), uint64(c.Boot.SectorSize))
}

// length is that of the mapping: whole sectors of the device.
func (c *Copies) length() uint64 { return c.Size - c.Size%uint64(c.Boot.SectorSize) }

// Reason says why a copy was chosen.
type Reason int

// The reasons.
const (
	AllAgree  Reason = iota // three equal copies: the first
	SomeValid               // others are not valid: the first that is, of those with the highest counter
	Newest                  // all are valid, and one has a higher counter of nonces than others
	Differ                  // equal counters, different content: the first
	Proved                  // the key proves it, and not the one that came before it
)

func (r Reason) String() string {
	return [...]string{
		"all copies agree", "not all copies are valid", "it is newer than others",
		"the copies differ under the same counter", "the other ones fail their validation by the key",
	}[r]
}

// Choice is the copy that speaks for the volume.
type Choice struct {
	Index  int // among the three
	Reason Reason
}

// Choose decides by a table: a valid copy before one that is not; of several the one with the highest counter of
// nonces, which every change raises; of equal ones the first. The error is a NoMetadataError.
func Choose(c *Copies) (Choice, error) {
	best, valid := -1, 0
	for i := range c.Found {
		f := &c.Found[i]
		if f.State != header.Valid {
			continue
		}
		valid++
		if best < 0 || f.Block.NextNonce > c.Found[best].Block.NextNonce {
			best = i
		}
	}
	switch {
	case best < 0:
		return Choice{}, &NoMetadataError{Copies: c}
	case valid < copiesKept:
		return Choice{best, SomeValid}, nil
	}
	return Choice{best, c.compared(best)}, nil
}

// compared says how the others differ from the best one, where all are valid.
func (c *Copies) compared(best int) Reason {
	reason := AllAgree
	chosen := c.Found[best].Block
	for i := range c.Found {
		switch b := c.Found[i].Block; {
		case b.NextNonce < chosen.NextNonce:
			return Newest
		case string(b.covered) != string(chosen.covered):
			reason = Differ
		}
	}
	return reason
}

// ProofsDiffer tells whether valid copies of one content have different sealed hashes, of which only the key tells
// which are right.
func (c *Copies) ProofsDiffer() bool {
	var first *Block
	for i := range c.Found {
		switch b := c.Found[i].Block; {
		case c.Found[i].State != header.Valid:
		case first == nil:
			first = b
		case string(b.covered) == string(first.covered) && !b.hash.equal(first.hash):
			return true
		}
	}
	return false
}

// Volume is a volume as its chosen copy has it.
type Volume struct {
	*Copies
	Choice
	*Block

	// Unproved lets a key open metadata none of whose copies it proves. What is written then may go to a wrong place.
	Unproved bool
}

// Load reads a device and chooses. Errors are those of Read and Choose.
func Load(dev io.ReaderAt, size int64) (*Volume, error) {
	copies, err := Read(dev, size)
	if err != nil {
		return nil, err
	}
	choice, err := Choose(copies)
	if err != nil {
		return nil, err
	}
	return &Volume{Copies: copies, Choice: choice, Block: copies.Found[choice.Index].Block}, nil
}

// Openable fails for a volume that cannot be mapped whatever the key: one between two states (a ConversionError),
// and one whose method nobody knows (ErrMethod).
func (v *Volume) Openable() error {
	if v.Boot.OnWrite || v.Present != settled || v.Next != settled {
		return &ConversionError{
			OnWrite: v.Boot.OnWrite, Present: v.Present, Next: v.Next, Encrypted: v.Encrypted, Size: v.Size,
		}
	}
	if v.Method.Cipher() == "" {
		return fmt.Errorf("%w: %#x", ErrMethod, uint16(v.Method))
	}
	return nil
}
