// SPDX-License-Identifier: Apache-2.0

package bitlkimage

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/binary"
	"math/bits"

	"golang.org/x/crypto/xts"
)

// stream is n bytes that a label stands for.
func stream(label string, n int) []byte {
	var p []byte
	for i := uint64(0); len(p) < n; i++ {
		sum := sha256.Sum256(binary.LittleEndian.AppendUint64([]byte(label), i))
		p = append(p, sum[:]...)
	}
	return p[:n:n]
}

func block(key []byte) cipher.Block {
	b, err := aes.NewCipher(key)
	if err != nil {
		panic(err)
	}
	return b
}

// sealCCM is AES-CCM of RFC 3610 with M = 16 and L = 3, block by block.
func sealCCM(key, nonce, plain []byte) (tag, data []byte) {
	b := block(key)
	mac := append(append([]byte{0x3a}, nonce...), byte(len(plain)>>16), byte(len(plain)>>8), byte(len(plain)))
	b.Encrypt(mac, mac)
	for rest := plain; len(rest) > 0; rest = rest[min(16, len(rest)):] {
		for i := range min(16, len(rest)) {
			mac[i] ^= rest[i]
		}
		b.Encrypt(mac, mac)
	}
	counter := append(append([]byte{2}, nonce...), 0, 0, 0)
	all := append(bytes.Clone(mac), plain...)
	cipher.NewCTR(b, counter).XORKeyStream(all, all)
	return all[:16], all[16:]
}

// encrypt fills the device with the data, where the mapping has it.
func (im *Image) encrypt() {
	at := map[uint64]bool{}
	for _, offset := range im.Offsets {
		at[offset] = true
		clear(im.Plain[offset : offset+blockSize])
	}
	clear(im.Plain[im.Moved : im.Moved+im.MovedSize])
	size := uint64(im.SectorSize)
	for off := uint64(0); off+size <= uint64(im.Size); off += size {
		place := off
		if off < im.MovedSize {
			place += im.Moved
		} else if im.isHidden(off) {
			continue
		}
		im.encryptSector(im.Bytes[place:place+size], im.Plain[off:off+size], place)
	}
}

func (im *Image) isHidden(off uint64) bool {
	for _, offset := range im.Offsets {
		if off >= offset && off < offset+blockSize {
			return true
		}
	}
	return off >= im.Moved && off < im.Moved+im.MovedSize
}

func (im *Image) encryptSector(dst, src []byte, at uint64) {
	switch im.Method {
	case 0x8004, 0x8005:
		c, err := xts.NewCipher(aes.NewCipher, im.VolumeKey)
		if err != nil {
			panic(err)
		}
		c.Encrypt(dst, src, at/uint64(im.SectorSize))
	case 0x8002, 0x8003:
		cbc(im.VolumeKey, dst, src, at)
	default:
		half := len(im.VolumeKey) / 2
		copy(dst, src)
		diffuse(dst, im.VolumeKey[half:], at)
		cbc(im.VolumeKey[:half], dst, dst, at)
	}
}

func cbc(key, dst, src []byte, at uint64) {
	b := block(key)
	iv := make([]byte, 16)
	binary.LittleEndian.PutUint64(iv, at)
	b.Encrypt(iv, iv)
	cipher.NewCBCEncrypter(b, iv).CryptBlocks(dst, src)
}

// diffuse is what the Elephant diffuser does before CBC, in the order of Ferguson's paper: diffuser A, then B, each
// run backwards from what decryption does.
func diffuse(p, key []byte, at uint64) {
	b := block(key)
	sector := make([]byte, 32)
	binary.LittleEndian.PutUint64(sector, at)
	binary.LittleEndian.PutUint64(sector[16:], at)
	sector[31] = 0x80
	b.Encrypt(sector, sector)
	b.Encrypt(sector[16:], sector[16:])
	d := make([]uint32, len(p)/4)
	for i := range p {
		p[i] ^= sector[i%32]
	}
	for i := range d {
		d[i] = binary.LittleEndian.Uint32(p[4*i:])
	}
	n := len(d)
	for range 5 {
		for i := n - 1; i >= 0; i-- {
			d[i] -= d[(i+n-2)%n] ^ bits.RotateLeft32(d[(i+n-5)%n], []int{9, 0, 13, 0}[i%4])
		}
	}
	for range 3 {
		for i := n - 1; i >= 0; i-- {
			d[i] -= d[(i+2)%n] ^ bits.RotateLeft32(d[(i+5)%n], []int{0, 10, 0, 25}[i%4])
		}
	}
	for i := range d {
		binary.LittleEndian.PutUint32(p[4*i:], d[i])
	}
}
