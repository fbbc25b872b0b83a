// SPDX-License-Identifier: Apache-2.0

package witness

import (
	"errors"
	"io"
	"os"
)

// Slot is a keyslot as one copy of a header tells of it.
type Slot struct {
	Name     string // the passphrase that opens it; empty where none of the known ones does
	Key      string // what is inside
	Unbound  bool
	Priority int
	Digest   string // LUKS2: which digest verifies it
	Offset   int64  // of its area, from the copy's start; bytes
	Size     int64
}

// View is what one copy of a header says. Bytes.
type View struct {
	Version                int
	UUID, Label, Subsystem string
	SeqID                  uint64
	HeaderSize             int64 // LUKS2
	KeyslotsSize           int64 // LUKS2
	DataOffset             int64
	DataSize               int64 // 0 up to the device's end
	Cipher                 string
	Sector                 int64
	Digest                 string // of the volume key
	Slots                  map[int]Slot
	Tokens                 map[int]Token
	Flags, Requirements    string
	Problem                string // why other readers may refuse it; empty where they do not
}

// Token is one of LUKS2.
type Token struct {
	Type, Text string // without its list of keyslots
	Keyslots   []int
}

// ErrNone tells that there is no valid copy.
var ErrNone = errors.New("no valid copy of a header")

// Volume is everything that a device tells.
type Volume struct {
	Primary, Secondary *View // nil where not valid; LUKS1 has only a primary
	// Far is the third copy's two heads, nil where the heads know of none, and FarToken what they know.
	Far      [2]*View
	FarToken *FarToken
}

// Chosen is the copy that readers believe.
func (v Volume) Chosen() (*View, error) {
	switch {
	case v.Primary == nil && v.Secondary == nil:
		return nil, ErrNone
	case v.Primary == nil, v.Secondary != nil && v.Secondary.SeqID > v.Primary.SeqID:
		return v.Secondary, nil
	}
	return v.Primary, nil
}

// Read reads what is on a device, or in a header file or backup.
func Read(path string, keys *Keyring) (Volume, error) {
	f, err := os.Open(path)
	if err != nil {
		return Volume{}, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return Volume{}, err
	}
	v := Volume{}
	v.Primary, v.Secondary, err = readHeads(f, 0, info.Size(), keys)
	if err != nil {
		return v, err
	}
	chosen, err := v.Chosen()
	if err != nil {
		return v, nil
	}
	if v.FarToken = farToken(chosen); v.FarToken != nil && v.FarToken.Body > 0 {
		v.Far[0], v.Far[1], err = readHeads(f, v.FarToken.Body, v.FarToken.Length, keys)
	}
	return v, err
}

// offsets are where a secondary may lie.
var offsets = []int64{0x4000, 0x8000, 0x10000, 0x20000, 0x40000, 0x80000, 0x100000, 0x200000, 0x400000}

// readHeads reads the copies whose start is at base; room is how far they may reach from there.
func readHeads(r io.ReaderAt, base, room int64, keys *Keyring) (primary, secondary *View, err error) {
	s := source{r, base, room, keys}
	start := make([]byte, 4096)
	if n, err := r.ReadAt(start, base); err != nil && !(err == io.EOF && n >= 592) {
		return nil, nil, nil // nothing there
	}
	if string(start[:8]) == "LUKS\xba\xbe\x00\x01" {
		primary, err = s.luks1(start)
		return primary, nil, err
	}
	primary, err = s.luks2(0)
	if err != nil {
		return nil, nil, err
	}
	places := offsets
	if primary != nil {
		places = []int64{primary.HeaderSize}
	}
	for _, at := range places {
		if secondary, err = s.luks2(at); err != nil || secondary != nil {
			break
		}
	}
	return primary, secondary, err
}

// source is where a copy is read from.
type source struct {
	r          io.ReaderAt
	base, room int64
	keys       *Keyring
}

// area reads a keyslot's bytes; nil where the device ends before.
func (s source) area(offset, size int64) []byte {
	if offset+size > s.room || size < 0 || size > 8<<20 {
		return nil
	}
	area := make([]byte, size)
	if _, err := s.r.ReadAt(area, s.base+offset); err != nil {
		return nil
	}
	return area
}

// ReadAt reads the copies that begin at a place of a file and reach at most so far.
func ReadAt(path string, base, room int64, keys *Keyring) (primary, secondary *View, err error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	defer f.Close()
	return readHeads(f, base, room, keys)
}
