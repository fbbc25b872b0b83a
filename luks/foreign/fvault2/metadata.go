// SPDX-License-Identifier: Apache-2.0

package fvault2

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/foreign/span"
	"github.com/orthrus-luks/orthrus/luks/header"
)

// Metadata is what a label leads to.
type Metadata struct {
	Transaction uint64
	Family      [16]byte
	DataOffset  uint64 // bytes
	DataSize    uint64 // bytes
	Users       []User
	Conversion  string // "Complete", or what is under way; "" where nothing is said

	volumeKeys [][]byte // wrapped
}

// User is somebody whose passphrase opens the volume.
type User struct {
	Iterations uint32
	Salt       []byte

	wrapped []byte // KEK
}

const (
	maxBlocks = 1 << 17 // that a descriptor may count, as in cryptsetup
	maxRead   = 1 << 10 // that are read: 8 MiB
)

// loader reads what the labels lead to.
type loader struct {
	dev  io.ReaderAt
	size uint64
	h    *Header
	*metadataCipher
	last map[uint16]record // the last block of each type
}

// read reads n bytes inside the device.
func (l *loader) read(n int, offset uint64) (record, error) {
	if offset > l.size || uint64(n) > l.size-offset {
		return nil, wrong("offset beyond the device")
	}
	p := make(record, n)
	return p, header.ReadFull(l.dev, p, offset)
}

// load reads the label at an offset. A label whose own checksum fails gives an error and what it leads to, where that
// is sound.
func (l *loader) load(at uint64) (m *Metadata, err error) {
	label, err := l.read(metadataBlock, at)
	if err != nil {
		return nil, err
	}
	if label.u16(10) != 0x11 {
		return nil, wrong("type of the label")
	}
	descriptor, err := l.read(40, at+uint64(label.u32(220)))
	if err != nil {
		return nil, err
	}
	count, first := descriptor.u64(8), descriptor.u64(32)
	if count == 0 || count > maxBlocks || first > maxBlock {
		return nil, wrong("blocks of the metadata")
	}
	if err := l.blocks(first*l.h.BlockSize, count); err != nil {
		return nil, err
	}
	m = &Metadata{Transaction: label.u64(16)}
	for _, take := range []func(*Metadata) error{l.takeKeys, l.takeVolume, l.takeExtents} {
		if err := take(m); err != nil {
			return nil, err
		}
	}
	if !label.sound() {
		err = wrong("checksum of the label")
	}
	return m, err
}

// blocks reads the encrypted metadata.
func (l *loader) blocks(at, count uint64) error {
	l.last = map[uint16]record{}
	for i := range count {
		p, err := l.read(metadataBlock, at+i*metadataBlock)
		if err != nil {
			return err
		}
		if bytes.Count(p, []byte{0}) == len(p) {
			return nil
		}
		if err := l.decrypt(p, i); err != nil {
			return err
		}
		if i == maxRead || !p.sound() {
			return wrong("checksum of the metadata")
		}
		l.last[p.u16(10)] = p
	}
	return nil
}

// block is the last block of a type. It has a place for XML even where it has none.
func (l *loader) block(kind uint16, xmlAt int) (p record, xml []byte, err error) {
	if p = l.last[kind]; p == nil {
		return nil, nil, wrong("missing block of the metadata")
	}
	offset, size := p.u32(xmlAt), p.u32(xmlAt+4)
	if offset > metadataBlock || size > metadataBlock-offset {
		return nil, nil, wrong("size of XML")
	}
	return p, p[offset:][:size], nil
}

const complete = "Complete"

func (l *loader) takeKeys(m *Metadata) error {
	p, xml, err := l.block(0x19, 112)
	if err != nil {
		return err
	}
	for _, s := range structs(xml, "PassphraseWrappedKEKStruct", 284) {
		m.Users = append(m.Users, User{s.u32(168), s[8:24], s[32:][:wrappedSize]})
	}
	for _, s := range structs(xml, "KEKWrappedVolumeKeyStruct", 256) {
		m.volumeKeys = append(m.volumeKeys, s[8:][:wrappedSize])
	}
	for _, status := range values(xml, "ConversionStatus") {
		if m.Conversion == "" || m.Conversion == complete {
			m.Conversion = string(status)
		}
	}
	switch {
	case len(m.Users) > 0 && len(m.volumeKeys) > 0:
		return nil
	case p.u32(104) != p.u32(108):
		return unsupported("compressed keys")
	}
	return wrong("missing keys")
}

func (l *loader) takeVolume(m *Metadata) error {
	_, xml, err := l.block(0x1a, 128)
	if err != nil {
		return err
	}
	for _, text := range values(xml, "com.apple.corestorage.lv.size") {
		m.DataSize, _ = strconv.ParseUint(strings.TrimPrefix(string(text), "0x"), 16, 63)
	}
	if m.DataSize == 0 || m.DataSize%span.Unit != 0 {
		return wrong("size of the volume")
	}
	for _, text := range values(xml, "com.apple.corestorage.lv.familyUUID") {
		id, err := hex.DecodeString(strings.ReplaceAll(string(text), "-", ""))
		if err == nil && copy(m.Family[:], id) == len(id) && len(id) == len(m.Family) {
			return nil
		}
	}
	return wrong("family of the volume")
}

// takeExtents: the data lies in one piece on this device.
func (l *loader) takeExtents(m *Metadata) error {
	p := l.last[0x305]
	if p == nil {
		return wrong("missing block of the metadata")
	}
	size, physical := l.h.BlockSize, p.u64(72+32)
	switch {
	case p.u32(64) != 1 || p.u64(72+8) != 0 || uint64(p.u32(72+16))*size < m.DataSize:
		return unsupported("data in several pieces")
	case physical>>48 != 0:
		return unsupported("data on another device")
	case physical > l.size/size || m.DataSize > l.size-physical*size:
		return wrong("data beyond the device")
	}
	m.DataOffset = physical * size
	return nil
}

// Openable fails for a volume that is half encrypted: ErrUnfinished.
func (m *Metadata) Openable() error {
	if m.Conversion != "" && m.Conversion != complete {
		return fmt.Errorf("%w: %.32s", ErrUnfinished, m.Conversion)
	}
	return nil
}
