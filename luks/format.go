// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"context"
	"errors"
	"fmt"

	"github.com/orthrus-luks/orthrus/dm/given"
	"github.com/orthrus-luks/orthrus/dm/integrity"
	"github.com/orthrus-luks/orthrus/luks/commit"
	"github.com/orthrus-luks/orthrus/luks/format"
	"github.com/orthrus-luks/orthrus/luks/keyslot"
)

// Defaults of a new volume, those of cryptsetup 2.8; bytes.
const (
	DefaultAlignment  = format.DefaultAlignment
	DefaultHeaderRoom = format.DefaultHeaderRoom // heads and keyslots area together
	DefaultHeaderSize = format.DefaultHeaderSize
)

// FormatOptions describe a new volume. Zero values take the defaults. The fields, sizes and places in bytes:
//
//	Version                 1 or 2
//	Cipher, KeySize         such as "aes-xts-plain64"; the size of the volume key
//	AnyCipher               do not try out whether Cipher exists
//	Hash                    of splitter, digest and (LUKS1) key derivation
//	SectorSize              512 to 4096
//	UUID, Label, Subsystem
//	Detached                the metadata device holds no data
//	DataOffset, Alignment, AlignmentOffset, DataSize, NoData
//	MetadataSize, KeyslotsSize
//	Integrity, LegacyPadding  authenticated sectors
//	FarHeader               a third copy of the header at the device's end
//	Keyslot                 a NewKeyslot: how the passphrase protects the key
//	DigestIterations        cost of the volume key's digest; 0 measures it
//	VolumeKey               nil for a random one
//	Wipe, Progress          what is zeroed before, and who is told of it
//
// "go doc luks/format.Options" says more on each.
type FormatOptions = format.Options

// Geometry is where the parts of a new volume lie, in bytes.
type Geometry = format.Geometry

// ErrUnproven is returned for a volume that was written and then did not open.
var ErrUnproven = errors.New("the new header does not open")

// Format makes a new volume on dev and returns it. FormatOptions{} makes a good one: LUKS2, with a fresh UUID and costs
// that are measured, which takes some seconds. Everything that can fail without a write fails
// first: geometry, cipher, key derivation. Then the old metadata is wiped, the keyslot material
// written, and the header last. The volume is then opened once: ErrUnproven where that fails.
func Format(ctx context.Context, dev Device, passphrase []byte, o FormatOptions) (*Volume, error) {
	if err := errors.Join(given.Context(ctx), someone(passphrase)); err != nil {
		return nil, err
	}
	if !present(dev) {
		return nil, ErrNoDevice
	}
	o, err := o.Complete(ctx, dev.Size())
	if err != nil {
		return nil, err
	}
	key, err := o.Key()
	if err != nil {
		return nil, err
	}
	defer key.Close()
	f, err := o.Plan(ctx, dev.Size(), key.Bytes(), passphrase)
	if err != nil {
		return nil, err
	}
	v := &Volume{dev: dev}
	err = commit.Locked(ctx, dev, true, func() error {
		if err := f.Write(ctx, dev); err != nil {
			return err
		}
		if err := v.load(); err != nil || o.Integrity == nil || o.Detached {
			return err
		}
		return WriteTags(ctx, dev, &o, v.Data.Offset)
	})
	if err == nil {
		err = v.prove(ctx, passphrase, o.FirstKeyslot())
	}
	return v, err
}

// prove opens a new volume once, from what the device has, by the rules of the strictest reader. The key must
// be the volume key that it was made with.
func (v *Volume) prove(ctx context.Context, passphrase []byte, id int) error {
	for _, k := range v.Keyslots {
		if k.ID != id || v.Version == 1 {
			continue
		}
		if err := keyslot.CheckCipher(k.Spec.Cipher, k.Spec.CipherKeySize); err != nil {
			return fmt.Errorf("%w: %w", ErrUnproven, err)
		}
	}
	key, err := v.Unlock(ctx, passphrase, UnlockOptions{Keyslot: At(id)})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrUnproven, err)
	}
	return key.Close()
}

// WriteTags makes the layer of dm-integrity that the sectors of a new volume get their tags in, as the kernel makes it:
// superblock and empty journal, on the device of the data, from byte offset on. The tags themselves are for whoever
// writes the data: a sector that was not written is an error when it is read. Format does it where header and data lie
// on one device.
func WriteTags(ctx context.Context, data Device, o *FormatOptions, offset uint64) error {
	if !present(data) {
		return ErrNoDevice
	}
	if err := given.Context(ctx); err != nil {
		return err
	}
	if o == nil || o.Integrity == nil {
		return ErrUnsupported
	}
	l, err := o.Tags(offset, uint64(data.Size()))
	if err != nil {
		return err
	}
	f := integrity.Format{Layout: l, Data: data, Meta: data}
	return f.Run(ctx)
}
