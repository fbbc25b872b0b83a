// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"math"
	"math/bits"

	"github.com/orthrus-luks/orthrus/dm/kernelhash"
)

// What block sizes and salts dm-verity's tools allow.
const (
	MinBlockSize = 512
	MaxBlockSize = 512 << 10
	MaxSaltSize  = 256
)

// Params say how the data are hashed.
type Params struct {
	Format        uint32 // hash type: 1, or 0 for the one of Chromium OS
	Algorithm     string // in lower case
	DataBlockSize uint32 // bytes
	HashBlockSize uint32 // bytes
	DataBlocks    uint64
	Salt          []byte // at most 256 bytes
}

// Check returns a *FieldError for the first value that dm-verity does not have.
func (p *Params) Check() error {
	if p.Format > 1 {
		return &FieldError{"hash type", p.Format, "it is 0 or 1"}
	}
	if !validBlockSize(p.DataBlockSize) {
		return &FieldError{"data block size", p.DataBlockSize, "it is a power of two from 512 to 524288"}
	}
	if !validBlockSize(p.HashBlockSize) {
		return &FieldError{"hash block size", p.HashBlockSize, "it is a power of two from 512 to 524288"}
	}
	if kernelhash.New(p.Algorithm) == nil {
		return &FieldError{"hash", p.Algorithm, "not known"}
	}
	if len(p.Salt) > MaxSaltSize {
		return &FieldError{"salt length", len(p.Salt), "it is at most 256 bytes"}
	}
	return p.checkBlocks()
}

// checkBlocks leaves room to double, so that no offset of data and tree together overflows.
func (p *Params) checkBlocks() error {
	most := math.MaxInt64 / 4 / uint64(max(p.DataBlockSize, p.HashBlockSize))
	if p.DataBlocks == 0 || p.DataBlocks > most {
		return &FieldError{"data blocks", p.DataBlocks, "there is at least one, and fewer than 2^61 bytes of them"}
	}
	return nil
}

func validBlockSize(size uint32) bool {
	return size >= MinBlockSize && size <= MaxBlockSize && bits.OnesCount32(size) == 1
}

// DataSize is the number of bytes that are hashed.
func (p *Params) DataSize() int64 { return int64(p.DataBlocks) * int64(p.DataBlockSize) }

// DigestSize is the length of a digest, and of the root hash, in bytes; 0 for an unknown hash.
func (p *Params) DigestSize() int {
	if factory := kernelhash.New(p.Algorithm); factory != nil {
		return factory().Size()
	}
	return 0
}
