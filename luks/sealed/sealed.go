// SPDX-License-Identifier: Apache-2.0

// Package sealed is the format of small files that describe the bytes they hold, under a checksum.
// Integers are big-endian, sizes in bytes.
//
//	0       16  magic: which kind of file, and a NUL
//	16       8  n, length of the description
//	24       n  description: one JSON object
//	24+n     …  the bytes, as the description says
//	end-32  32  SHA-256 of everything before
package sealed

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
)

// ErrFormat is the kind of every failure to decode.
var ErrFormat = errors.New("not such a file, or a damaged one")

// Magic begins a file; its last byte is NUL.
type Magic [16]byte

const start = len(Magic{}) + 8

// Encode puts the description and the parts, one behind the other, into a file's contents.
func Encode(magic Magic, description any, parts ...[]byte) ([]byte, error) {
	text, err := json.Marshal(description)
	if err != nil {
		return nil, err
	}
	p := binary.BigEndian.AppendUint64(magic[:], uint64(len(text)))
	p = append(p, text...)
	for _, part := range parts {
		p = append(p, part...)
	}
	sum := sha256.Sum256(p)
	return append(p, sum[:]...), nil
}

// Decode fills the description from a file's contents and returns the bytes behind it.
func Decode(magic Magic, p []byte, description any) ([]byte, error) {
	end := len(p) - sha256.Size
	if end < start || Magic(p[:len(magic)]) != magic {
		return nil, ErrFormat
	}
	if sum := sha256.Sum256(p[:end]); !bytes.Equal(sum[:], p[end:]) {
		return nil, fmt.Errorf("%w: checksum", ErrFormat)
	}
	body := p[start:end]
	n := binary.BigEndian.Uint64(p[len(magic):])
	if n > uint64(len(body)) {
		return nil, fmt.Errorf("%w: length", ErrFormat)
	}
	if err := json.Unmarshal(body[:n], description); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrFormat, err)
	}
	return body[n:], nil
}
