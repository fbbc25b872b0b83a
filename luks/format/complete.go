// SPDX-License-Identifier: Apache-2.0

package format

import (
	"context"
	"strings"
	"time"

	"github.com/orthrus-luks/orthrus/dm/uuid"
	"github.com/orthrus-luks/orthrus/luks/digest"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/kdf"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
)

// What a volume is made with where nobody says: cryptsetup's defaults.
const (
	defaultCipher = "aes-xts-plain64"
	defaultHash   = "sha256"
	digestTime    = 125 * time.Millisecond
)

// Complete fills in what is left out: LUKS2, aes-xts-plain64 with two keys of 256 bits, sha256, sectors as large as
// sizes and offsets allow, a fresh UUID, and measured costs of the digest. Those of the keyslot are measured when it is
// sealed. It refuses a UUID that is none, and sizes below nothing, with a fault.GeometryError.
func (o Options) Complete(ctx context.Context, size int64) (Options, error) {
	if o.Version == 0 {
		o.Version = 2
	}
	if o.Cipher == "" {
		o.Cipher = defaultCipher
	}
	if o.Hash == "" {
		o.Hash = defaultHash
	}
	if o.KeySize == 0 {
		o.KeySize = o.defaultKeySize()
	}
	if o.SectorSize == 0 {
		o.SectorSize = o.largestSector(uint64(size))
	}
	switch {
	case o.UUID == "":
		o.UUID = uuid.New()
	case !uuid.Valid(o.UUID):
		return o, fault.Geometry("UUID", "%q is none", o.UUID)
	}
	if o.KeySize < 0 || o.SectorSize < 0 || size < 0 {
		return o, fault.Geometry("size", "less than nothing")
	}
	if o.DigestIterations > 0 || o.Keyslot.KDF.Type != "" {
		return o, nil
	}
	p, err := kdf.Calibrate(ctx, kdf.Request{Type: kdf.PBKDF2, Hash: o.Hash, Target: digestTime})
	o.DigestIterations = max(p.Iterations, digest.MinIterations)
	return o, err
}

// defaultKeySize is that of the volume key, bytes: xts has two keys, and a MAC has one behind the cipher's.
func (o *Options) defaultKeySize() int {
	size := 32
	if strings.Contains(o.Cipher, "-xts-") {
		size = 64
	}
	if o.Integrity == nil {
		return size
	}
	if s, err := o.Scheme(); err == nil {
		size = s.DefaultKey()
	}
	return size
}

// largestSector is 4096 bytes where all that is given are whole sectors of that.
func (o Options) largestSector(size uint64) int {
	if o.Version == 2 && (size|o.DataSize|o.DataOffset|o.Alignment|o.AlignmentOffset)%4096 == 0 {
		return 4096
	}
	return keyslot.SectorSize
}
