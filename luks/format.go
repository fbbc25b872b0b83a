// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
	"github.com/orthrus-luks/orthrus/luks/luks2"
	"github.com/orthrus-luks/orthrus/luks/view"
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

// FormatOptions describe a new volume. Zero values take the defaults.
type FormatOptions struct {
	Version    int    // 1 or 2
	Cipher     string // "aes-xts-plain64"
	KeySize    int    // of the volume key, bytes
	Hash       string // of splitter, digest and (LUKS1) KDF; "sha256"
	SectorSize int    // bytes; LUKS1 has 512
	UUID       string
	Label      string // LUKS2
	Subsystem  string // LUKS2

	Detached     bool   // the metadata device holds no data
	DataOffset   uint64 // bytes; 0 for the first aligned place behind the metadata
	Alignment    uint64 // of the data, bytes; 0 for 1 MiB
	DataSize     uint64 // of the data device, bytes; 0 where it is the metadata device
	NoData       bool   // the device may end before the data begins, and so hold none
	MetadataSize uint64 // LUKS2: of one head, bytes; 0 for 16 KiB
	KeyslotsSize uint64 // LUKS2: of the keyslots area, bytes; 0 for what fits before the data
	// FarHeader makes a third copy of the header at the device's end: see FarPlace for whether it can.
	FarHeader bool

	Keyslot          NewKeyslot     // protection of the first keyslot
	DigestIterations uint32         // of the volume key's digest
	VolumeKey        *secret.Buffer // nil for a random one
	// Wipe lists further ranges to be zeroed before anything is written: old signatures.
	Wipe []luks2.Extent
	// Progress is told how many bytes of how many have been wiped; nil for silence.
	Progress func(done, total uint64)
}

// Format makes a new volume on dev and returns it. Everything that can fail without a write fails
// first: geometry, cipher, key derivation. Then the old metadata is wiped, the keyslot material
// written, and the header last. The volume is then opened once: ErrUnproven where that fails.
func Format(ctx context.Context, dev Device, passphrase []byte, o FormatOptions) (*Volume, error) {
	key, err := o.volumeKey()
	if err != nil {
		return nil, err
	}
	defer key.Close()
	v := &Volume{dev: dev, View: view.View{Version: o.Version}}
	v.Data.Cipher, v.Data.KeySize = o.Cipher, key.Len()
	var f commit.Format
	switch o.Version {
	case 1:
		f, err = v.format1(ctx, key.Bytes(), passphrase, o)
	case 2:
		f, err = v.format2(ctx, key.Bytes(), passphrase, o)
	default:
		err = fmt.Errorf("LUKS%d: %w", o.Version, ErrUnsupported)
	}
	if err != nil {
		return nil, err
	}
	err = commit.Locked(ctx, dev, true, func() error {
		f.Detached, f.Progress = o.Detached, o.Progress
		if err := f.Write(ctx, dev); err != nil {
			return err
		}
		return v.load()
	})
	if err == nil {
		err = v.prove(ctx, passphrase, o.firstKeyslot())
	}
	return v, err
}

func (o FormatOptions) volumeKey() (*secret.Buffer, error) {
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

// firstKeyslot is the id of the keyslot a new volume begins with.
func (o FormatOptions) firstKeyslot() int { return max(o.Keyslot.ID, 0) }

// checkCipher refuses a cipher that user space does not know. The kernel may know more; whether
// it does is for the caller, who knows the kernel, to find out.
func checkCipher(cipher string, keySize, sectorSize int) error {
	if sectorSize < keyslot.SectorSize || sectorSize > 4096 || sectorSize&(sectorSize-1) != 0 {
		return fault.Geometry("sector size", "%d bytes", sectorSize)
	}
	if keySize < 1 || keySize > keyslot.MaxKeySize {
		return fault.Geometry("key size", "%d bytes", keySize)
	}
	if cipher == "" {
		return errors.New("no cipher given")
	}
	return nil
}
