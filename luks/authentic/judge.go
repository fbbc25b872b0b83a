// SPDX-License-Identifier: Apache-2.0

package authentic

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/binary"
	"hash"
	"strings"
)

// judge holds sectors against their tags. It is used by one goroutine.
type judge struct {
	scheme *Scheme
	aead   cipher.AEAD // of the sectors, or
	mac    hash.Hash   // of the sectors
	room   []byte      // for what is decrypted
	head   []byte      // number and vector
	sum    []byte
}

// newJudge takes a key of a length that CheckKey admits; it is nil for what only the kernel computes.
func (s *Scheme) newJudge(key []byte) *judge {
	j := &judge{scheme: s}
	if strings.HasPrefix(s.Cipher, "aes-gcm-") {
		block, err := aes.NewCipher(key)
		if err == nil {
			j.aead, err = cipher.NewGCM(block)
		}
		if err != nil {
			return nil
		}
		return j
	}
	if s.IV == 0 && !strings.HasSuffix(s.Cipher, "-plain64") {
		return nil
	}
	key = key[len(key)-s.MACKey:]
	switch s.Type {
	case "hmac(sha1)":
		j.mac = hmac.New(sha1.New, key)
	case "hmac(sha256)":
		j.mac = hmac.New(sha256.New, key)
	case "hmac(sha512)":
		j.mac = hmac.New(sha512.New, key)
	default:
		return nil
	}
	return j
}

// open is nil where the tag is not that of the sector, and else what of it comes next: plain with an AEAD, encrypted
// with a MAC. It is valid until the next call.
func (j *judge) open(number uint64, data, tag []byte) []byte {
	var nonce [blockIV]byte
	binary.LittleEndian.PutUint64(nonce[:], number)
	iv := nonce[:]
	if j.aead != nil {
		iv = iv[:j.aead.NonceSize()]
	}
	auth := tag[:j.scheme.Auth]
	if j.scheme.IV > 0 {
		iv = tag[j.scheme.Auth:]
	}
	j.head = append(binary.LittleEndian.AppendUint64(j.head[:0], number), iv...)
	if j.aead != nil {
		j.room = append(append(j.room[:0], data...), auth...)
		plain, err := j.aead.Open(j.room[:0], iv, j.room, j.head)
		if err != nil {
			return nil
		}
		return plain
	}
	j.mac.Reset()
	j.mac.Write(j.head)
	j.mac.Write(data)
	if j.sum = j.mac.Sum(j.sum[:0]); !hmac.Equal(j.sum, auth) {
		return nil
	}
	return data
}
