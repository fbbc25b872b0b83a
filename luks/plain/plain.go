// SPDX-License-Identifier: Apache-2.0

// Package plain knows volumes without a header: how a passphrase becomes the volume key, and what
// the parameters are where nobody names them. Behaviour as of cryptsetup 2.8.
package plain

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/hashalg"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// The parameters where none are given.
const (
	Cipher  = "aes-xts-plain64"
	Hash    = "sha256"
	KeySize = 32 // bytes
	NoHash  = "plain"
)

var (
	// ErrHashLength is the kind of a length behind a hash's name that is no number, or beyond the key's.
	ErrHashLength = errors.New("wrong length of a hash")
	// ErrShort is the kind of a passphrase with fewer bytes than "plain:<bytes>" asks for.
	ErrShort = errors.New("the passphrase is too short")
	// ErrSectors is the kind of SizeError.
	ErrSectors = errors.New("the device is not a whole number of sectors")
)

// Hashing is how a passphrase becomes a key: "<hash>[:<bytes>]". What is behind the bytes is zeros.
type Hashing struct {
	Name  string // of a hash, or NoHash
	Bytes int    // of the key that come from the passphrase; AllBytes without a length
}

// AllBytes stands for the whole key.
const AllBytes = -1

// ParseHashing reads "sha256", "sha256:20", "plain" or "plain:2" for a key of size bytes. Errors:
// hashalg.ErrUnknown, ErrHashLength.
func ParseHashing(text string, size int) (Hashing, error) {
	name, length, cut := strings.Cut(text, ":")
	h := Hashing{Name: name, Bytes: AllBytes}
	if name != NoHash {
		if _, err := hashalg.Size(name); err != nil {
			return h, err
		}
	}
	if !cut {
		return h, nil
	}
	n, err := strconv.ParseUint(length, 10, 31)
	if err != nil || n > uint64(size) {
		return h, fmt.Errorf("%w: %q for a key of %d bytes", ErrHashLength, text, size)
	}
	h.Bytes = int(n)
	return h, nil
}

// Stretch turns a passphrase into a key of size bytes, by the text of a Hashing: hash after hash, each
// over one more leading "A" than the one before. With NoHash the passphrase is cut or padded with zeros;
// with a length behind it, it must have as many bytes. Errors are those of ParseHashing, and ErrShort.
func Stretch(hash string, passphrase []byte, size int) (*secret.Buffer, error) {
	h, err := ParseHashing(hash, size)
	if err != nil {
		return nil, err
	}
	if h.Name == NoHash && len(passphrase) < h.Bytes {
		return nil, fmt.Errorf("%w: %d bytes for %q", ErrShort, len(passphrase), hash)
	}
	key, err := secret.New(size)
	if err != nil {
		return nil, err
	}
	part := key.Bytes()
	if h.Bytes != AllBytes {
		part = part[:h.Bytes]
	}
	if h.Name == NoHash {
		copy(part, passphrase)
		return key, nil
	}
	if err := fill(part, h.Name, passphrase); err != nil {
		return nil, errors.Join(err, key.Close())
	}
	return key, nil
}

func fill(key []byte, hash string, passphrase []byte) error {
	for at, round := 0, 0; at < len(key); round++ {
		h, err := hashalg.New(hash)
		if err != nil {
			return err
		}
		for range round {
			h.Write([]byte{'A'})
		}
		h.Write(passphrase)
		sum := h.Sum(nil)
		at += copy(key[at:], sum)
		secret.Wipe(sum)
		hashalg.Wipe(h)
	}
	return nil
}

// FullCipher is a cipher as a mapping's table has it: "aes" is "aes-cbc-plain". What is no specification
// comes back as it is, for the kernel to refuse.
func FullCipher(text string) string {
	s, err := sector.ParseSpec(text)
	if err != nil {
		return text
	}
	return s.String()
}

// SizeError tells of a device whose data, of Size bytes, are no whole number of sectors of Sector bytes.
type SizeError struct {
	Size   uint64
	Sector int
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%v: %d bytes, sectors of %d", ErrSectors, e.Size, e.Sector)
}

func (e *SizeError) Unwrap() error { return ErrSectors }

// CheckSize refuses a device of size bytes whose data, from offset on, are no whole number of sectors: a
// mapping without a header has nothing else that tells how it was made. The error is a SizeError. An offset
// behind the end is not its concern.
func CheckSize(size, offset uint64, sectorSize int) error {
	if sectorSize > 512 && size >= offset && (size-offset)%uint64(sectorSize) != 0 {
		return &SizeError{Size: size - offset, Sector: sectorSize}
	}
	return nil
}
