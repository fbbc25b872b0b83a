// SPDX-License-Identifier: Apache-2.0

// Package bitlkimage makes BitLocker volumes for tests, with arithmetic of its own: what it shares with the reader
// is the description of the format alone.
package bitlkimage

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
)

const (
	blockSize   = 65536
	startOfTime = 116444736000000000 // 1970 as a FILETIME
)

// Options say what volume is made. The zero value of most fields is what Windows does.
type Options struct {
	Method     uint16 // 0x8000 to 0x8005; 0 is 0x8004, which is AES-XTS with 128 bits
	SectorSize int    // 512 or 4096; 0 is 512
	ToGo       bool
	OnWrite    bool
	Size       int       // of the device, bytes; 0 is 1 MiB
	Offsets    [3]uint64 // of the copies; zero is 128, 256 and 512 KiB
	Moved      uint64    // where the first sectors lie; 0 is 448 KiB
	MovedSize  uint64    // bytes; 0 is 8192

	Passphrase string // "" for none
	Recovery   string // 48 digits with dashes; "" for none
	Startup    bool   // a startup key
	VolumeGUID bool   // the startup key names the volume
	ClearKey   bool
	TPM        bool
	Unknown    bool // entries that nobody knows, at the top and in every VMK

	Present, Next uint16 // states; 0 is 4
	Encrypted     uint64 // 0 is Size
	NextNonce     uint32
	Description   string
	NoMovedEntry  bool // the header's fields alone say where the first sectors lie
	MovedFirst    bool // the entry of the moved sectors comes first, as on Windows 7

	Tamper func(covered []byte)      // changes the metadata after they were hashed, before the CRC
	Fields func(i int, block []byte) // changes a copy before hash and CRC
}

// Image is a volume.
type Image struct {
	Options
	Bytes     []byte // of the device
	Plain     []byte // what the mapping shows
	FVEK      []byte
	VolumeKey []byte // as dm-crypt gets it
	BEK       []byte // startup key file; nil for none
	VMK       []byte
}

// Volume and VMK GUIDs.
var guid = []byte("\x10\x32\x54\x76\x98\xba\xdc\xfe0123456789")[:16]

func (o *Options) defaults() {
	set := func(p *uint64, v uint64) {
		if *p == 0 {
			*p = v
		}
	}
	if o.Method == 0 {
		o.Method = 0x8004
	}
	if o.SectorSize == 0 {
		o.SectorSize = 512
	}
	if o.Size == 0 {
		o.Size = 1 << 20
	}
	if o.Present == 0 {
		o.Present, o.Next = 4, 4
	}
	set(&o.Offsets[0], 128<<10)
	set(&o.Offsets[1], 256<<10)
	set(&o.Offsets[2], 512<<10)
	set(&o.Moved, 448<<10)
	set(&o.MovedSize, 8192)
	set(&o.Encrypted, uint64(o.Size))
}

// Make makes a volume. Its keys and its data are the same each time.
func Make(o Options) *Image {
	o.defaults()
	im := &Image{Options: o, FVEK: stream("fvek", 64)[:o.fvekSize()], VMK: stream("vmk", 32)}
	im.VolumeKey = im.FVEK
	if o.Method == 0x8000 {
		im.VolumeKey = append(append([]byte{}, im.FVEK[:16]...), im.FVEK[32:48]...)
	}
	im.Plain = stream("data", o.Size)
	copy(im.Plain, boot(im.Plain[:512]))
	im.Bytes = make([]byte, o.Size)
	im.encrypt()
	im.putBoot()
	entries := im.entries()
	for i, offset := range im.Offsets {
		copy(im.Bytes[offset:], im.block(i, entries))
	}
	return im
}

// boot makes the real boot sector one of NTFS, so that programs that look at it are content.
func boot(p []byte) []byte {
	b := bytes.Clone(p)
	copy(b, "\xeb\x52\x90NTFS    ")
	copy(b[510:], "\x55\xaa")
	return b
}

func (o *Options) fvekSize() int {
	return map[uint16]int{0x8000: 64, 0x8001: 64, 0x8002: 16, 0x8003: 32, 0x8004: 32, 0x8005: 64}[o.Method]
}

// putBoot writes the first sector, as Windows does on a fixed and on a removable disk.
func (im *Image) putBoot() {
	b := im.Bytes[:512]
	clear(im.Bytes[:im.MovedSize])
	copy(b, "\xeb\x58\x90-FVE-FS-")
	at := 160
	if im.ToGo {
		copy(b[3:], "MSWIN4.1")
		at = 424
	}
	le := binary.LittleEndian
	le.PutUint16(b[11:], uint16(im.SectorSize))
	b[13] = 8 // sectors in a cluster
	b[21] = 0xf8
	copy(b[71:], "NO NAME    FAT32   ")
	copy(b[at:], "\x3b\xd6\x67\x49\x29\x2e\xd8\x4a\x83\x99\xf6\xa3\x39\xe3\xd0\x01")
	if im.OnWrite {
		copy(b[at:], "\x3b\x4d\xa8\x92\x80\xdd\x0e\x4d\x9e\x4e\xb1\xe3\x28\x4e\xae\xd8")
	}
	for i, offset := range im.Offsets {
		le.PutUint64(b[at+16+8*i:], offset)
	}
	copy(b[510:], "\x55\xaa")
}

// block makes the i-th copy of the metadata.
func (im *Image) block(i int, entries []byte) []byte {
	le := binary.LittleEndian
	p := make([]byte, blockSize)
	size := (112 + len(entries) + 15) / 16 * 16
	copy(p, "-FVE-FS-")
	le.PutUint16(p[8:], uint16(size/16))
	le.PutUint16(p[10:], 2)
	le.PutUint16(p[12:], im.Present)
	le.PutUint16(p[14:], im.Next)
	le.PutUint64(p[16:], im.Encrypted)
	le.PutUint32(p[28:], uint32(im.MovedSize)/uint32(im.SectorSize))
	for j, offset := range im.Offsets {
		le.PutUint64(p[32+8*j:], offset)
	}
	le.PutUint64(p[56:], im.Moved)
	le.PutUint32(p[64:], uint32(48+len(entries)))
	le.PutUint32(p[68:], 1)
	le.PutUint32(p[72:], 48)
	le.PutUint32(p[76:], uint32(48+len(entries)))
	copy(p[80:], guid)
	le.PutUint32(p[96:], im.NextNonce)
	le.PutUint16(p[100:], im.Method)
	le.PutUint64(p[104:], startOfTime+1_700_000_000*10_000_000)
	copy(p[112:], entries)
	if im.Fields != nil {
		im.Fields(i, p)
	}
	im.Seal(p)
	if im.Tamper != nil {
		im.Tamper(p[:size])
		le.PutUint32(p[size+4:], crc32.ChecksumIEEE(p[:size]))
	}
	return p
}

// Seal gives a copy its hash and its CRC again, by the size that it says it has.
func (im *Image) Seal(p []byte) {
	le := binary.LittleEndian
	size := int(le.Uint16(p[8:])) * 16
	if size+88 > len(p) {
		return
	}
	validation := p[size : size+88]
	clear(validation)
	le.PutUint16(validation, uint16(blockSize-size))
	le.PutUint16(validation[2:], 2)
	le.PutUint32(validation[4:], crc32.ChecksumIEEE(p[:size]))
	copy(validation[8:], hashEntry(im.VMK, p[:size]))
}

// SealCRC gives a copy its CRC alone.
func SealCRC(p []byte) {
	size := int(binary.LittleEndian.Uint16(p[8:])) * 16
	if size+88 <= len(p) {
		binary.LittleEndian.PutUint32(p[size+4:], crc32.ChecksumIEEE(p[:size]))
	}
}
