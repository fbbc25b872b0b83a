// SPDX-License-Identifier: Apache-2.0

// Package fvault2image makes volumes of FileVault 2 for tests, with arithmetic of its own: what it shares with the
// reader is the description of the format alone.
package fvault2image

import (
	"crypto/aes"
	"crypto/pbkdf2"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/rand"

	"golang.org/x/crypto/xts"
)

// Where things lie, bytes.
const (
	Size       = 1 << 20 // of the device
	Label      = 16 << 10
	LabelSpan  = 16 << 10 // from one label to the next, the descriptor between
	Labels     = 4
	Metadata   = 96 << 10
	Data       = 256 << 10
	DataSize   = 512 << 10
	BlockSize  = 4096
	descriptor = 8192 // behind its label
	unit       = 8192
)

// Options say what volume is made.
type Options struct {
	Passphrase   string
	Other        string // of a user before, "" for none
	Iterations   uint32 // 0 is 1000
	Conversion   string // "" is Complete
	Bare         bool   // there is no data
	References   bool   // the wrapped volume key stands elsewhere and is referred to
	Transactions [Labels]uint64

	Header  func(p []byte)              // changes the header before its checksum
	Block   func(kind uint16, p []byte) // changes a metadata block, or a label, before its checksum
	Pointer func(p []byte)              // changes a descriptor, which has no checksum
	XML     func(kind uint16, text string) string
}

// Image is a volume.
type Image struct {
	Bytes     []byte
	Plain     []byte // what the mapping shows
	VolumeKey []byte
	UUID      [16]byte
	Family    [16]byte
	Salt      []byte
}

var le = binary.LittleEndian

// Make makes a volume. Its keys and its data are the same each time.
func Make(o Options) *Image {
	if o.Iterations == 0 {
		o.Iterations = 1000
	}
	if o.Conversion == "" {
		o.Conversion = "Complete"
	}
	random := rand.New(rand.NewSource(1))
	fill := func(n int) []byte {
		p := make([]byte, n)
		random.Read(p)
		return p
	}
	im := &Image{Bytes: make([]byte, Size), Salt: fill(16)}
	copy(im.UUID[:], fill(16))
	copy(im.Family[:], fill(16))
	key, kek, metadataKey := fill(16), fill(16), fill(16)
	second := sha256.Sum256(append(append([]byte{}, key...), im.Family[:]...))
	im.VolumeKey = append(append([]byte{}, key...), second[:16]...)
	im.header(o, metadataKey)
	im.labels(o)
	im.metadata(o, metadataKey, key, kek)
	if !o.Bare {
		im.Plain = fill(DataSize)
		encrypt(im.VolumeKey, im.Bytes[Data:Data+DataSize], im.Plain, 512)
	}
	return im
}

// Seal gives a header or a block its checksum.
func Seal(p []byte) {
	le.PutUint32(p[4:], 1<<32-1)
	le.PutUint32(p, ^crc32.Checksum(p[8:], crc32.MakeTable(crc32.Castagnoli)))
}

func encrypt(key, to, from []byte, size int) {
	c, err := xts.NewCipher(aes.NewCipher, key)
	if err != nil {
		panic(err)
	}
	for at := 0; at < len(from); at += size {
		c.Encrypt(to[at:at+size], from[at:at+size], uint64(at/size))
	}
}

func (im *Image) header(o Options, key []byte) {
	p := im.Bytes[:512]
	le.PutUint16(p[8:], 1)
	le.PutUint16(p[10:], 0x10)
	le.PutUint64(p[64:], Size)
	copy(p[88:], "CS")
	le.PutUint32(p[90:], 1)
	le.PutUint32(p[96:], BlockSize)
	le.PutUint32(p[100:], 4<<20)
	for i := range Labels {
		le.PutUint64(p[104+8*i:], (Label+uint64(i)*LabelSpan)/BlockSize)
	}
	le.PutUint32(p[168:], 16)
	le.PutUint32(p[172:], 2)
	copy(p[176:], key)
	copy(p[304:], im.UUID[:])
	copy(p[320:], "volume group 789")
	if o.Header != nil {
		o.Header(p)
	}
	Seal(p)
	copy(im.Bytes[Size-512:], p)
}

// block begins a block of metadata.
func block(p []byte, kind uint16, transaction, number uint64) {
	le.PutUint16(p[8:], 1)
	le.PutUint16(p[10:], kind)
	le.PutUint64(p[16:], transaction)
	le.PutUint64(p[32:], number)
	le.PutUint32(p[48:], unit)
}

func (im *Image) labels(o Options) {
	for i := range Labels {
		at := Label + i*LabelSpan
		p := im.Bytes[at : at+unit]
		block(p, 0x11, o.Transactions[i], uint64(i))
		le.PutUint32(p[64+156:], descriptor)
		if o.Block != nil {
			o.Block(0x11, p)
		}
		Seal(p)
		d := im.Bytes[at+descriptor:][:64]
		le.PutUint64(d[8:], 10)
		le.PutUint64(d[32:], Metadata/BlockSize)
		if o.Pointer != nil {
			o.Pointer(d)
		}
	}
}

// metadata writes the encrypted blocks: one that nobody needs, those that are, one of an older state before them.
func (im *Image) metadata(o Options, metadataKey, key, kek []byte) {
	whole := append(append([]byte{}, metadataKey...), im.UUID[:]...)
	var all []byte
	add := func(kind uint16, put func(p []byte)) {
		p := make([]byte, unit)
		block(p, kind, 7, uint64(len(all)/unit))
		put(p)
		if o.Block != nil {
			o.Block(kind, p)
		}
		Seal(p)
		all = append(all, p...)
	}
	text := func(kind uint16, at int, text string) func(p []byte) {
		if o.XML != nil {
			text = o.XML(kind, text)
		}
		return func(p []byte) {
			le.PutUint32(p[at:], 192)
			le.PutUint32(p[at+4:], uint32(len(text)+1))
			copy(p[192:], text)
			if kind == 0x19 {
				le.PutUint32(p[104:], uint32(len(text)+1))
				le.PutUint32(p[108:], uint32(len(text)+1))
			}
		}
	}
	add(0x10, func([]byte) {})
	add(0x1a, text(0x1a, 128, im.volume("0x1000")))
	add(0x19, text(0x19, 112, im.users(o, key, kek)))
	add(0x305, func(p []byte) {
		le.PutUint32(p[64:], 1)
		le.PutUint32(p[72+16:], DataSize/BlockSize)
		le.PutUint64(p[72+32:], Data/BlockSize)
	})
	add(0x1a, text(0x1a, 128, im.volume(fmt.Sprintf("0x%x", DataSize))))
	encrypt(whole, im.Bytes[Metadata:], all, unit)
}

func (im *Image) volume(size string) string {
	f := im.Family
	return fmt.Sprintf(`<dict ID="0">`+
		`<key>com.apple.corestorage.lv.familyUUID</key><string ID="1">%X-%X-%X-%X-%X</string>`+
		`<key>com.apple.corestorage.lv.name</key><string ID="2">Disk</string>`+
		`<key>com.apple.corestorage.lv.size</key><integer size="64" ID="3">%s</integer></dict>`,
		f[:4], f[4:6], f[6:8], f[8:10], f[10:], size)
}

func (im *Image) users(o Options, key, kek []byte) string {
	text := `<dict ID="0"><key>ConversionInfo</key><dict ID="1"><key>ConversionStatus</key><string ID="2">` +
		o.Conversion + `</string></dict><key>CryptoUsers</key><array ID="3">`
	for _, passphrase := range []string{o.Other, o.Passphrase} {
		if passphrase != "" || passphrase == o.Passphrase {
			text += `<dict><key>PassphraseWrappedKEKStruct</key><data>` +
				im.wrappedKEK(passphrase, o.Iterations, kek) + `</data></dict>`
		}
	}
	wrapped := make([]byte, 256)
	le.PutUint32(wrapped, 2)
	le.PutUint32(wrapped[4:], 24)
	copy(wrapped[8:], wrap(kek, key))
	data := base64.StdEncoding.EncodeToString(wrapped)
	element := `<data ID="9">` + data + `</data>`
	if o.References {
		text += `<key>Elsewhere</key>` + element
		element = `<reference IDREF="9"/>`
	}
	return text + `</array><key>WrappedVolumeKeys</key><array ID="6">` +
		`<dict><key>BlockAlgorithm</key><string>None</string><key>KEKWrappedVolumeKeyStruct</key><data></data></dict>` +
		`<dict><key>BlockAlgorithm</key><string>AES-XTS</string><key>KEKWrappedVolumeKeyStruct</key>` + element +
		`</dict></array></dict>`
}

func (im *Image) wrappedKEK(passphrase string, iterations uint32, kek []byte) string {
	p := make([]byte, 284)
	le.PutUint32(p, 3)
	le.PutUint32(p[4:], 16)
	copy(p[8:], im.Salt)
	le.PutUint32(p[24:], 16)
	le.PutUint32(p[28:], 24)
	derived, err := pbkdf2.Key(sha256.New, passphrase, im.Salt, int(min(iterations, 1<<16)), 16)
	if err != nil {
		panic(err)
	}
	copy(p[32:], wrap(derived, kek))
	le.PutUint32(p[168:], iterations)
	return base64.StdEncoding.EncodeToString(p)
}

// wrap is RFC 3394, 2.2.1.
func wrap(key, plain []byte) []byte {
	c, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	out := append([]byte("\xa6\xa6\xa6\xa6\xa6\xa6\xa6\xa6"), plain...)
	n := len(plain) / 8
	for j := range 6 {
		for i := 1; i <= n; i++ {
			var b [16]byte
			copy(b[:], out[:8])
			copy(b[8:], out[8*i:8*i+8])
			c.Encrypt(b[:], b[:])
			binary.BigEndian.PutUint64(out, binary.BigEndian.Uint64(b[:])^uint64(n*j+i))
			copy(out[8*i:], b[8:])
		}
	}
	return out
}

// Endless is a device of 17 MiB all of whose labels lead to more sound blocks than anybody has.
func Endless() []byte {
	im := Make(Options{Pointer: func(p []byte) { le.PutUint64(p[8:], 1<<17) }})
	all := make([]byte, 2200*unit)
	for at := 0; at < len(all); at += unit {
		block(all[at:at+unit], 0x10, 7, uint64(at/unit))
		Seal(all[at : at+unit])
	}
	key := append(append([]byte{}, im.Bytes[176:192]...), im.UUID[:]...)
	out := append(im.Bytes[:Metadata], all...)
	encrypt(key, out[Metadata:], all, unit)
	return out
}
