// SPDX-License-Identifier: Apache-2.0

package bitlkimage

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
	"unicode/utf16"
)

// entry makes one.
func entry(kind, value uint16, data ...[]byte) []byte {
	p := make([]byte, 8)
	for _, d := range data {
		p = append(p, d...)
	}
	le := binary.LittleEndian
	le.PutUint16(p, uint16(len(p)))
	le.PutUint16(p[2:], kind)
	le.PutUint16(p[4:], value)
	le.PutUint16(p[6:], 1)
	return p
}

func le32(n uint32) []byte { return binary.LittleEndian.AppendUint32(nil, n) }
func le64(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

func utf16LE(text string) (p []byte) {
	for _, unit := range utf16.Encode([]rune(text)) {
		p = binary.LittleEndian.AppendUint16(p, unit)
	}
	return p
}

// key is what is sealed: an entry without a type.
func key(method uint32, k []byte) []byte {
	p := entry(0, 1, le32(method), k)
	p[6] = 0
	return p
}

// sealed is an entry with a key under another.
func sealed(kind uint16, name string, under, plain []byte) []byte {
	nonce := stream("nonce of "+name, 12)
	tag, data := sealCCM(under, nonce, plain)
	return entry(kind, 5, nonce, tag, data)
}

func hashEntry(vmk, covered []byte) []byte {
	sum := sha256.Sum256(covered)
	return sealed(0, "validation", vmk, key(0x2005, sum[:]))
}

// vmk is a protector: what opens it, and the entries that say how.
func (im *Image) vmk(number byte, protection uint16, name string, under []byte, inner ...[]byte) []byte {
	id := slices.Clone(guid)
	id[15] = number
	data := [][]byte{id, le64(startOfTime), {0, 0}, binary.LittleEndian.AppendUint16(nil, protection)}
	if name != "" {
		data = append(data, entry(0, 2, utf16LE(name), []byte{0, 0}))
	}
	data = append(data, inner...)
	if im.Unknown {
		data = append(data, entry(0, 0x15, le64(1), le64(2)), entry(0, 0x99, []byte("later")))
	}
	if under != nil {
		data = append(data, sealed(0, "vmk"+name, under, key(0x2003, im.VMK)))
	}
	return entry(2, 8, data...)
}

func stretchEntry(method uint32, salt []byte) []byte { return entry(0, 3, le32(method), salt) }

// Derive is the key that a passphrase or a recovery password opens a VMK with.
func Derive(initial [32]byte, salt []byte) []byte {
	var state [88]byte
	copy(state[32:], initial[:])
	copy(state[64:], salt)
	for n := range uint64(0x100000) {
		binary.LittleEndian.PutUint64(state[80:], n)
		sum := sha256.Sum256(state[:])
		copy(state[:], sum[:])
	}
	return state[:32]
}

func ofPassphrase(text string) [32]byte {
	first := sha256.Sum256(utf16LE(text))
	return sha256.Sum256(first[:])
}

func ofRecovery(text string) [32]byte {
	var numbers []byte
	for group := range strings.SplitSeq(text, "-") {
		n, err := strconv.Atoi(group)
		if err != nil || n%11 != 0 {
			panic("no recovery password: " + text)
		}
		numbers = binary.LittleEndian.AppendUint16(numbers, uint16(n/11))
	}
	return sha256.Sum256(numbers)
}

// entries makes the list of a volume, in the order of Windows 10 unless told otherwise.
func (im *Image) entries() []byte {
	var list [][]byte
	if im.Description != "" {
		list = append(list, entry(7, 2, utf16LE(im.Description), []byte{0, 0}))
	}
	list = append(list, im.protectors()...)
	list = append(list, sealed(3, "fvek", im.VMK, key(uint32(im.Method), im.FVEK)))
	moved := entry(0x0f, 0x0f, le64(im.Moved), le64(im.MovedSize))
	switch {
	case im.NoMovedEntry:
	case im.MovedFirst:
		list = slices.Insert(list, 0, moved)
	default:
		list = append(list, moved)
	}
	if im.Unknown {
		list = append(list, entry(0x0b, 5, []byte("nobody knows")))
	}
	return bytes.Join(list, nil)
}

func (im *Image) protectors() (list [][]byte) {
	if im.TPM {
		list = append(list, im.vmk(1, 0x0100, "", nil, entry(0, 6, []byte("a blob of the TPM"))))
	}
	if im.Recovery != "" {
		salt := stream("salt of the recovery password", 16)
		list = append(list, im.vmk(2, 0x0800, "", Derive(ofRecovery(im.Recovery), salt), stretchEntry(0x1000, salt)))
	}
	if im.Passphrase != "" {
		salt := stream("salt", 16)
		under := Derive(ofPassphrase(im.Passphrase), salt)
		list = append(list, im.vmk(3, 0x2000, "DiskPassword", under, stretchEntry(0x1001, salt)))
	}
	if im.Startup {
		under := stream("startup key", 32)
		list = append(list, im.vmk(4, 0x0200, "ExternalKey", under, entry(0, 4, le32(0x2002))))
		im.BEK = im.startupKey(under)
	}
	if im.ClearKey {
		under := stream("clear key", 32)
		list = append(list, im.vmk(5, 0, "", under, entry(0, 1, le32(0x2000), under)))
	}
	return list
}

// startupKey is the file for the fourth VMK.
func (im *Image) startupKey(k []byte) []byte {
	id := slices.Clone(guid)
	id[15] = 4
	data := [][]byte{id, le64(startOfTime), entry(0, 2, utf16LE("ExternalKey"), []byte{0, 0})}
	if im.VolumeGUID {
		data = append(data, entry(0x19, 0x17, guid))
	}
	body := entry(6, 9, append(data, entry(0, 1, le32(0x2002), k))...)
	head := make([]byte, 48)
	le := binary.LittleEndian
	le.PutUint32(head, uint32(48+len(body)))
	le.PutUint32(head[4:], 1)
	le.PutUint32(head[8:], 48)
	le.PutUint32(head[12:], uint32(48+len(body)))
	copy(head[16:], id)
	le.PutUint32(head[32:], 1)
	le.PutUint64(head[40:], startOfTime)
	return append(head, body...)
}
