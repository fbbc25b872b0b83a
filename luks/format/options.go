// SPDX-License-Identifier: Apache-2.0

// Package format plans new volumes: where their parts lie, their keyslot and their header. It derives keys and
// writes nothing; what it gives is for commit.Format to write.
package format

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/keys"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/sector"
)

// Defaults of a new volume, those of cryptsetup 2.8.
const (
	DefaultAlignment   = 1 << 20  // bytes
	DefaultHeaderRoom  = 16 << 20 // heads and keyslots area together, bytes
	DefaultHeaderSize  = luks2.MinSize
	maxHeaderWipe      = 136 << 20  // how far old metadata can reach, bytes
	formatSeqID        = 3          // as if header and first keyslot had been written one after the other
	smallKeyslotsLimit = 4064 << 10 // below this a keyslots area is called very small, bytes
)

// Options describe a new volume. Complete fills in what is left out.
type Options struct {
	Version    int    // 1 or 2; 0 for 2
	Cipher     string // "aes-xts-plain64"; one that neither this package nor the kernel computes is refused
	AnyCipher  bool   // Cipher is not tried out: the kernel that opens the volume is another one
	KeySize    int    // of the volume key, bytes
	Hash       string // of splitter, digest and (LUKS1) KDF; "sha256"
	SectorSize int    // bytes; LUKS1 has 512
	UUID       string // with dashes, in lower case; empty for a fresh one
	Label      string // LUKS2
	Subsystem  string // LUKS2

	Detached   bool   // the metadata device holds no data
	DataOffset uint64 // bytes; 0 for the first aligned place behind the metadata
	Alignment  uint64 // of the data, bytes; 0 for 1 MiB
	// AlignmentOffset is how far behind an aligned place the data begins, bytes: the device's own boundaries are
	// there. It counts where DataOffset is 0 and the header is not detached.
	AlignmentOffset uint64
	DataSize        uint64 // of the data device, bytes; 0 where it is the metadata device
	NoData          bool   // the device may end before the data begins, and so hold none
	MetadataSize    uint64 // LUKS2: of one head, bytes; 0 for 16 KiB
	KeyslotsSize    uint64 // LUKS2: of the keyslots area, bytes; 0 for what fits before the data
	// Integrity has sectors authenticated (LUKS2); LegacyPadding lays their tags out for kernels before 5.5. KeySize is
	// that of both keys together.
	Integrity     *luks2.Integrity
	LegacyPadding bool
	// FarHeader makes a third copy of the header at the device's end: see Options.FarPlace for whether it can.
	FarHeader bool

	Keyslot          keys.New       // protection of the first keyslot
	DigestIterations uint32         // of the volume key's digest
	VolumeKey        *secret.Buffer // nil for a random one
	// Wipe lists further ranges to be zeroed before anything is written: old signatures.
	Wipe []luks2.Extent
	// Progress is told how many bytes of how many have been wiped; nil for silence.
	Progress func(done, total uint64)
}

// Plan prepares a new volume on a device of size bytes, with everything that can fail without a write: geometry,
// cipher, key derivation. Nothing is written yet. Errors: those of Check, of the key derivation and of package
// luks2.
func (o Options) Plan(ctx context.Context, size int64, key, passphrase []byte) (f commit.Format, err error) {
	o.KeySize = len(key)
	switch o.Version {
	case 1:
		f, err = o.plan1(ctx, size, key, passphrase)
	case 2:
		f, err = o.plan2(ctx, uint64(size), key, passphrase)
	default:
		err = unsupported(o.Version)
	}
	f.Detached, f.Progress = o.Detached, o.Progress
	return f, err
}

func unsupported(version int) error { return fmt.Errorf("LUKS%d: %w", version, fault.ErrUnsupported) }

// Key is a copy of the volume key that was given, or a random one.
func (o Options) Key() (*secret.Buffer, error) {
	if o.VolumeKey != nil {
		return secret.Copy(o.VolumeKey.Bytes())
	}
	key, err := secret.New(o.KeySize)
	if err != nil {
		return nil, err
	}
	_, err = rand.Read(key.Bytes())
	return key, err
}

// FirstKeyslot is the id of the keyslot a new volume begins with.
func (o Options) FirstKeyslot() int { return o.Keyslot.ID.Or(0) }

// checkCipher refuses a cipher that neither user space nor this machine's kernel computes with a key of that many
// bytes, by trying it out, unless AnyCipher is set. That of a volume with Integrity is for checkTags.
func (o Options) checkCipher(keySize int) error {
	sectorSize := o.SectorSize
	if sectorSize < keyslot.SectorSize || sectorSize > 4096 || sectorSize&(sectorSize-1) != 0 {
		return fault.Geometry("sector size", "%d bytes", sectorSize)
	}
	if keySize < 1 || keySize > keyslot.MaxKeySize {
		return fault.Geometry("key size", "%d bytes", keySize)
	}
	if o.Cipher == "" {
		return errors.New("no cipher given")
	}
	if o.Integrity != nil || o.AnyCipher {
		return nil
	}
	probe, err := sector.New(o.Cipher, make([]byte, keySize), sectorSize)
	if err == nil {
		probe.Close()
	}
	return err
}
