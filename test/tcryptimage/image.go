// SPDX-License-Identifier: Apache-2.0

// Package tcryptimage makes volumes of TrueCrypt and VeraCrypt for tests, with other code than that which reads them.
package tcryptimage

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"

	"github.com/orthrus-luks/orthrus/luks/foreign/tcrypt"
)

// Options say what volume is made. The zero value is a TrueCrypt volume of 1 MiB, aes in XTS, sha512, without a
// passphrase.
type Options struct {
	Passphrase string
	KeyFiles   []string // their contents
	VeraCrypt  bool
	Hash       string // "argon2id" or a hash; "" is sha512
	Iterations int    // 0: TrueCrypt's
	PIM        int    // for the counts of VeraCrypt; 0 is none
	System     bool
	Ciphers    string // "twofish-aes"
	Mode       string // "" is "xts-plain64"
	Size       int    // of the device, bytes
	Version    uint16 // of the header; 0 is 5
	Hidden     int    // size of a hidden volume, bytes, which is made instead of an outer one
	Backup     bool   // only the copy at the end is there
	Start      int    // of the partition of a system, bytes
	Length     int    // and its size
	Sector     uint32 // that the header tells
	Alter      func(header []byte)
	AlterLast  func(header []byte) // after the sums
}

// Image is a volume.
type Image struct {
	Bytes  []byte // the device
	Plain  []byte // what a mapping shows
	At     int    // offset of the header, bytes
	Offset int    // of the data, bytes
	Keys   []byte // the key area
}

const sectorSize = 512

// layout is where header and data are, in bytes.
func (o *Options) layout() (header, start, length, iv int) {
	old := o.Version < 4
	switch {
	case o.System:
		return 62 * sectorSize, o.Start, o.Length, o.Start
	case o.Hidden > 0 && old:
		header, start, length = o.Size-1536, o.Size-1536-o.Hidden, o.Hidden
	case o.Hidden > 0:
		header, start, length = 64<<10, o.Size-128<<10-o.Hidden, o.Hidden
		if o.Backup {
			header = o.Size - 64<<10
		}
	case old:
		header, start, length = 0, sectorSize, o.Size-sectorSize
	default:
		header, start, length = 0, 128<<10, o.Size-256<<10
		if o.Backup {
			header = o.Size - 128<<10
		}
	}
	iv = start
	switch o.Mode {
	case "lrw-benbi":
		iv = 0
	case "cbc-tcw", "cbci-tcrypt", "cbc-tcrypt":
		iv = sectorSize
	}
	return header, start, length, iv
}

func (o *Options) defaults() {
	set := func(to *string, value string) {
		if *to == "" {
			*to = value
		}
	}
	set(&o.Hash, "sha512")
	set(&o.Ciphers, "aes")
	set(&o.Mode, "xts-plain64")
	if o.Size == 0 {
		o.Size = 1 << 20
	}
	if o.Version == 0 {
		o.Version = 5
	}
}

// Make makes a volume; the same for the same options.
func Make(o Options) *Image {
	o.defaults()
	header, start, length, iv := o.layout()
	im := &Image{
		Bytes: Pattern("what nothing marks", o.Size), Plain: Pattern("the data", length), At: header, Offset: start,
	}
	plain := Pattern("salt and keys "+o.Ciphers+o.Hash, sectorSize)
	im.Keys = plain[256:]
	o.fields(plain, start, length)
	sealed := chain{o.Ciphers, o.Mode}.header(o.derive(plain[:64]), plain)
	copy(im.Bytes[header:], sealed)
	if header == 0 && o.Version > 3 {
		copy(im.Bytes[o.Size-128<<10:], sealed)
	}
	data := im.Bytes[start : start+length]
	copy(data, im.Plain)
	if !strings.HasSuffix(o.Mode, "-tcrypt") { // nobody maps those
		chain{o.Ciphers, o.Mode}.data(im.Keys, data, iv/sectorSize)
	}
	return im
}

// fields writes all between the salt and the keys.
func (o *Options) fields(p []byte, start, length int) {
	clear(p[64:256])
	copy(p[64:], "TRUE")
	if o.VeraCrypt {
		copy(p[64:], "VERA")
	}
	put := binary.BigEndian
	put.PutUint16(p[68:], o.Version)
	put.PutUint16(p[70:], 0x0700)
	if o.VeraCrypt {
		put.PutUint16(p[70:], 0x010b)
	}
	put.PutUint64(p[92:], uint64(o.Hidden))
	if o.Version > 2 {
		put.PutUint64(p[100:], uint64(length))
	}
	switch {
	case o.Version > 3:
		put.PutUint64(p[108:], uint64(start))
		put.PutUint64(p[116:], uint64(length))
	case o.Version == 3:
		put.PutUint64(p[108:], sectorSize)
	}
	if o.System {
		put.PutUint32(p[124:], 1)
	}
	put.PutUint32(p[128:], o.Sector)
	if o.Alter != nil {
		o.Alter(p)
	}
	put.PutUint32(p[72:], crc32.ChecksumIEEE(p[256:]))
	put.PutUint32(p[252:], crc32.ChecksumIEEE(p[64:252]))
	if o.AlterLast != nil {
		o.AlterLast(p)
	}
}

// Pattern is what looks like random bytes, the same for the same name.
func Pattern(name string, size int) []byte {
	var out []byte
	for n := uint64(0); len(out) < size; n++ {
		sum := sha256.Sum256(binary.BigEndian.AppendUint64([]byte(name), n))
		out = append(out, sum[:]...)
	}
	return out[:size]
}

// Files are the key files as the reader takes them.
func (o *Options) Files() (list []io.Reader) {
	for _, f := range o.KeyFiles {
		list = append(list, readerOf(f))
	}
	return list
}

// Trial is what finds the volume and nothing else has to be known for.
func (o *Options) Trial() tcrypt.Trial { return tcrypt.Trial{PIM: uint32(o.PIM)} }
