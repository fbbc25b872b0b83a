// SPDX-License-Identifier: Apache-2.0

package inspect

import (
	"encoding/binary"
	"errors"
	"io"

	"github.com/orthrus-luks/orthrus/luks/header"
	"github.com/orthrus-luks/orthrus/luks/luks1"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/reencrypt"
	"github.com/orthrus-luks/orthrus/luks/rescue"
	"github.com/orthrus-luks/orthrus/luks/signature"
)

// ErrNotLUKS: nothing on the device looks like a LUKS header, whole or hurt.
var ErrNotLUKS = errors.New("not a LUKS volume")

// Device is what can be inspected.
type Device interface {
	io.ReaderAt
	Size() int64 // bytes
}

// Evidence is all that was read of one device. Judge needs nothing else.
type Evidence struct {
	Size       uint64
	LUKS1      *luks1.Header // nil where the first sectors hold none
	LUKS1Err   error         // why they hold none although the magic is there
	Heads      header.Heads
	Choice     header.Choice
	ChoiceErr  error
	Areas      []Area // of the keyslots, in the header's order
	Signatures []signature.Signature
	Unseen     error    // places where signatures could not be looked for
	Wiped      []Wiped  // heads that only lack their magic
	Texts      []uint64 // where metadata stands without a head before it
	// DataSize is the length in bytes of the device that has the data of a detached header, for the caller to fill in;
	// nil where the data is on this device or that was not named.
	DataSize *uint64
	// Far is for the caller to fill in, who knows of mappings; nil where it was not looked for.
	Far *FarEvidence
	// Resizing, for the caller to fill in: a change of the metadata area, or a key change that needed it longer, was
	// cut off.
	Resizing bool
	// Record is what Weigh found of the zone that a reencryption was rewriting; nil where nothing was found.
	Record    *reencrypt.Count
	RecordErr error
}

// room is how long the device of the data is, in bytes: as far as is known, this one.
func (e Evidence) room() uint64 {
	if e.DataSize != nil {
		return *e.DataSize
	}
	return e.Size
}

// Wiped is a header in order but for its magic.
type Wiped struct {
	Version int
	Offset  uint64
	UUID    string
}

// readOnly has no way to write, whatever the device could do.
type readOnly struct{ Device }

var errReadOnly = errors.New("inspect: a report does not write")

func (readOnly) WriteAt([]byte, int64) (int, error) { return 0, errReadOnly }
func (readOnly) Sync() error                        { return errReadOnly }

// Read gathers the evidence. Read errors are part of it.
func Read(dev Device) Evidence {
	e := Evidence{Size: uint64(max(dev.Size(), 0))}
	e.Signatures, e.Unseen = signature.Detect(dev, dev.Size())
	if e.readLUKS1(dev); e.LUKS1 != nil || e.LUKS1Err != nil {
		return e
	}
	e.Heads = header.Read(readOnly{dev})
	e.Choice, e.ChoiceErr = header.Choose(e.Heads)
	var none *header.NoHeaderError
	if errors.As(e.ChoiceErr, &none) {
		e.Wiped, e.Texts = findWiped(dev), findTexts(dev)
		return e
	}
	var areas []Area
	for _, slot := range e.Choice.Copy.Metadata.Keyslots() {
		areas = append(areas, area2(slot))
	}
	e.readAreas(dev, areas)
	return e
}

func (e *Evidence) readLUKS1(dev Device) {
	raw := make([]byte, luks1.ReservedSize)
	if n, _ := dev.ReadAt(raw, 0); n < len(raw) {
		return // LUKS2's reader tells the error apart from absence
	}
	h, err := luks1.Decode(raw)
	if errors.Is(err, luks1.ErrMagic) || errors.Is(err, luks1.ErrVersion) {
		return
	}
	if err != nil {
		e.LUKS1Err = err
		return
	}
	e.LUKS1 = &h
	var areas []Area
	for _, id := range h.EnabledKeyslots() {
		areas = append(areas, area1(h, id))
	}
	e.readAreas(dev, areas)
}

func (e *Evidence) readAreas(dev Device, areas []Area) {
	var scratch []byte
	for _, a := range areas {
		a, scratch = readArea(dev, a, scratch)
		e.Areas = append(e.Areas, a)
	}
}

// findWiped looks for heads without a magic at the places where heads lie.
func findWiped(dev Device) []Wiped {
	var found []Wiped
	first := make([]byte, luks1.ReservedSize)
	if n, _ := dev.ReadAt(first, 0); n == len(first) {
		if h, wiped, err := rescue.DecodeLUKS1(first); err == nil && wiped {
			found = append(found, Wiped{Version: 1, UUID: h.UUID})
		}
	}
	for _, offset := range append([]uint64{0}, luks2.Sizes()...) {
		if w, ok := wipedAt(dev, offset); ok {
			found = append(found, w)
		}
	}
	return found
}

func wipedAt(dev Device, offset uint64) (Wiped, bool) {
	p := make([]byte, luks2.BinarySize)
	if n, _ := dev.ReadAt(p, int64(offset)); n < len(p) {
		return Wiped{}, false
	}
	size := binary.BigEndian.Uint64(p[8:])
	magic := string(p[:len(luks2.PrimaryMagic)])
	if !luks2.LegalSize(size) || magic == luks2.PrimaryMagic || magic == luks2.SecondaryMagic {
		return Wiped{}, false
	}
	p = make([]byte, size)
	if n, _ := dev.ReadAt(p, int64(offset)); n < len(p) {
		return Wiped{}, false
	}
	c, wiped, err := rescue.DecodeCopy(p)
	return Wiped{Version: 2, Offset: offset, UUID: c.Header.UUID}, err == nil && wiped && c.Header.Offset == offset
}

// findTexts looks for metadata at the places where it stands behind a head.
func findTexts(dev Device) []uint64 {
	var found []uint64
	for _, offset := range append([]uint64{0}, luks2.Sizes()...) {
		p := make([]byte, 512)
		at := offset + luks2.BinarySize
		if n, _ := dev.ReadAt(p, int64(at)); n == len(p) && rescue.ResemblesMetadata(p) {
			found = append(found, at)
		}
	}
	return found
}
