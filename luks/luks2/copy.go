// SPDX-License-Identifier: Apache-2.0

package luks2

import (
	"bytes"
	"encoding/binary"

	"github.com/orthrus-luks/orthrus/luks/hashalg"
)

// Copy is one of the two copies of the metadata: binary header and JSON.
type Copy struct {
	Header   Header
	Metadata *Metadata
}

// Decode reads the whole copy p (hdr_size bytes or more) found at byte offset `at`: header,
// checksum, JSON and its rules. On an error the fields that could be read are returned as well.
func Decode(p []byte, at uint64) (Copy, error) {
	c, err := decodeSummed(p, at)
	if err != nil {
		return c, err
	}
	c.Metadata, err = parseArea(p[BinarySize:c.Header.Size])
	if err != nil {
		return c, err
	}
	return c, c.Metadata.Validate(c.Header.Size)
}

// decodeSummed stops after the checksum.
func decodeSummed(p []byte, at uint64) (Copy, error) {
	header, err := DecodeHeader(p, at)
	c := Copy{Header: header}
	if err != nil {
		return c, err
	}
	if uint64(len(p)) < header.Size {
		return c, damaged(ErrSize, "hdr_size", "%d bytes, only %d could be read", header.Size, len(p))
	}
	sum, err := checksum(header.Algorithm, p[:header.Size])
	if err != nil {
		return c, damaged(ErrChecksum, "csum_alg", "%v", err)
	}
	if !bytes.Equal(sum, p[atChecksum:atChecksum+len(sum)]) {
		return c, damaged(ErrChecksum, "csum", "")
	}
	return c, nil
}

// Encode returns the hdr_size bytes of the copy with a true checksum. It fails with ErrNoRoom
// where the JSON does not fit, and with a DamageError where it breaks a rule.
func Encode(c Copy) ([]byte, error) {
	text := c.Metadata.Text()
	if uint64(len(text)) >= c.Header.Size-BinarySize {
		return nil, &RoomError{Kind: "JSON area", Needed: uint64(len(text)) + 1, Available: c.Header.Size - BinarySize}
	}
	if err := c.Metadata.Validate(c.Header.Size); err != nil {
		return nil, err
	}
	p := make([]byte, 0, c.Header.Size)
	p = append(c.Header.append(p), text...)
	p = p[:c.Header.Size]
	return p, Seal(p)
}

// Vouches tells whether the checksum of a binary header, whose fields lie in the first 512 bytes of title, is that of a
// copy with the JSON of m and zeros behind it.
func Vouches(title []byte, m *Metadata) bool {
	h, err := DecodeHeader(title, binary.BigEndian.Uint64(title[atOffset:]))
	text := m.Text()
	if err != nil || uint64(len(text)) >= h.Size-BinarySize {
		return false
	}
	p := make([]byte, h.Size)
	copy(p, title)
	copy(p[BinarySize:], text)
	sum, err := checksum(h.Algorithm, p)
	return err == nil && bytes.Equal(sum, p[atChecksum:atChecksum+len(sum)])
}

// Seal makes the checksum of a whole encoded copy true again, whatever its padding holds: readers
// count the padding in and do not look at it.
func Seal(p []byte) error {
	sum, err := checksum(cString(p[atAlgorithm:atSalt]), p)
	if err != nil {
		return err
	}
	clear(p[atChecksum:endChecksum])
	copy(p[atChecksum:endChecksum], sum)
	return nil
}

// Same tells whether two encoded copies, valid ones, say the same to every reader: bytes of the checksum's
// field that the checksum leaves free may differ.
func Same(p, q []byte) bool {
	if len(p) != len(q) || len(p) < endChecksum {
		return false
	}
	h, err := hashalg.New(cString(p[atAlgorithm:atSalt]))
	if err != nil {
		return false
	}
	end := atChecksum + min(h.Size(), checksumSize)
	return bytes.Equal(p[:end], q[:end]) && bytes.Equal(p[endChecksum:], q[endChecksum:])
}

// checksum hashes one whole copy with its checksum field taken as zeros.
func checksum(algorithm string, p []byte) ([]byte, error) {
	h, err := hashalg.New(algorithm)
	if err != nil {
		return nil, err
	}
	h.Write(p[:atChecksum])
	h.Write(make([]byte, checksumSize))
	h.Write(p[endChecksum:])
	sum := h.Sum(nil)
	if len(sum) > checksumSize {
		sum = sum[:checksumSize]
	}
	return sum, nil
}
