// SPDX-License-Identifier: Apache-2.0

package luks1

import "github.com/orthrus-luks/orthrus/dm/extent"

// Sizes, in bytes, of what the format fixes.
const (
	HeaderSize   = 592  // bytes with a meaning
	ReservedSize = 1024 // two sectors: the room of the header
	SectorSize   = 512  // unit of the offsets a header stores
	DigestSize   = 20   // mkDigest, whatever the hash
	SaltSize     = 32
)

const (
	// KeyslotCount is the number of keyslots in every header.
	KeyslotCount = 8
	// Stripes is the only number of anti-forensic stripes in use.
	Stripes = 4000
)

// Flag marks a keyslot as enabled or disabled. Any other value is damage; it counts as disabled.
type Flag uint32

// The two values of Flag.
const (
	Enabled  Flag = 0x00AC71F3
	Disabled Flag = 0x0000DEAD
)

// Header holds the fields of a LUKS1 header. It is comparable; the zero value is not valid.
type Header struct {
	CipherName       string // at most 31 bytes
	CipherMode       string // at most 31 bytes
	HashSpec         string // at most 31 bytes
	PayloadOffset    uint32 // sectors; 0: the data lies on another device, from its start
	KeyBytes         uint32 // length of the volume key in bytes
	Digest           [DigestSize]byte
	DigestSalt       [SaltSize]byte
	DigestIterations uint32
	UUID             string // at most 39 bytes
	Keyslots         [KeyslotCount]Keyslot
}

// Keyslot is one of the eight entries of the header. Disabled ones keep Offset and Stripes.
type Keyslot struct {
	Flag       Flag
	Iterations uint32
	Salt       [SaltSize]byte
	Offset     uint32 // of the key material, sectors
	Stripes    uint32
}

// Enabled tells whether the keyslot holds a key.
func (k Keyslot) Enabled() bool { return k.Flag == Enabled }

// Encryption returns cipher and mode in one word, as dm-crypt takes it: "aes-xts-plain64".
func (h Header) Encryption() string {
	if h.CipherMode == "" {
		return h.CipherName
	}
	return h.CipherName + "-" + h.CipherMode
}

// Material returns where the key material of keyslot i lies: offset and length in bytes, the
// length a whole number of sectors.
func (h Header) Material(i int) (offset, length int64) {
	return int64(h.Keyslots[i].Offset) * SectorSize, h.MaterialSectors() * SectorSize
}

// MaterialSectors returns the length of one keyslot's key material in sectors.
func (h Header) MaterialSectors() int64 {
	return extent.Up(int64(h.KeyBytes)*Stripes, SectorSize) / SectorSize
}

// EnabledKeyslots lists the enabled keyslots in ascending order.
func (h Header) EnabledKeyslots() []int {
	var list []int
	for i, k := range h.Keyslots {
		if k.Enabled() {
			list = append(list, i)
		}
	}
	return list
}

// FreeKeyslot returns the lowest disabled keyslot, false when all eight are enabled.
func (h Header) FreeKeyslot() (int, bool) {
	for i, k := range h.Keyslots {
		if !k.Enabled() {
			return i, true
		}
	}
	return 0, false
}

// WithKeyslot returns the header with keyslot i enabled. The place of the material stays.
func (h Header) WithKeyslot(i int, iterations uint32, salt [SaltSize]byte) Header {
	k := &h.Keyslots[i]
	k.Flag, k.Iterations, k.Salt = Enabled, iterations, salt
	return h
}

// WithoutKeyslot returns the header with keyslot i disabled, its salt and iterations cleared.
func (h Header) WithoutKeyslot(i int) Header {
	k := &h.Keyslots[i]
	k.Flag, k.Iterations, k.Salt = Disabled, 0, [SaltSize]byte{}
	return h
}

// WithUUID returns the header with another uuid.
func (h Header) WithUUID(uuid string) Header {
	h.UUID = uuid
	return h
}
