// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"fmt"
	"slices"

	"github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/luks/authentic"
	"github.com/orthrus-luks/orthrus/luks/fault"
	"github.com/orthrus-luks/orthrus/luks/luks2"
)

// Mapping describes the device that maps the volume's data on data, with the flags the header
// keeps; the key is still missing. The error is an activate.SizeError.
func (v *Volume) Mapping(name string, data activate.Data) (activate.Mapping, error) {
	now := v.now()
	if now.Data.Integrity != nil {
		return v.taggedMapping(name, data)
	}
	length, err := activate.Length(data.Size, now.Data.Offset, now.Data.Size, now.Data.SectorSize)
	if err != nil {
		return activate.Mapping{}, err
	}
	m := activate.Mapping{
		Name: name, Kind: activate.LUKS1, VolumeUUID: now.UUID, Device: data.Device,
		Offset: now.Data.Offset / 512, Length: length, IVOffset: now.Data.IVTweak, Cipher: now.Data.Cipher,
		SectorSize: now.Data.SectorSize, ReadOnly: data.ReadOnly, ReadAhead: data.ReadAhead,
	}
	if now.Version == 2 {
		m.Kind, m.Flags = activate.LUKS2, activate.Flags(now.Metadata().Flags())
	}
	return m, nil
}

// taggedMapping is that of a volume whose sectors are authenticated: crypt on a layer of dm-integrity, whose superblock
// the data has.
func (v *Volume) taggedMapping(name string, data activate.Data) (m activate.Mapping, err error) {
	now := v.now()
	scheme, err := v.Scheme()
	if err != nil {
		return m, err
	}
	if data.Tags == nil {
		return m, fault.Geometry("integrity", "the superblock of the tags was not read")
	}
	l, err := data.Tags.Layout(now.Data.Offset / 512)
	if err == nil {
		err = l.CheckSize(data.Size/512, data.Size/512)
	}
	if err != nil {
		return m, err
	}
	if err := scheme.CheckTags(l, now.Data.SectorSize); err != nil {
		return m, err
	}
	if !now.Data.Dynamic && now.Data.Size/512 != l.ProvidedSectors {
		return m, fault.Geometry("integrity", "room for %d bytes of data, the header says %d", l.ProvidedSectors*512,
			now.Data.Size)
	}
	mode, flags := byte(activate.Journaled), now.Metadata().Flags()
	if slices.Contains(flags, luks2.FlagNoJournal) {
		mode = activate.Direct
	}
	m = activate.Mapping{
		Name: name, Kind: activate.LUKS2, VolumeUUID: now.UUID, Device: data.Device, Length: l.ProvidedSectors,
		IVOffset: now.Data.IVTweak, Cipher: scheme.Kernel, SectorSize: now.Data.SectorSize, Flags: activate.Flags(flags),
		ReadOnly: data.ReadOnly, ReadAhead: data.ReadAhead,
		Tag:  activate.Tag{Size: uint32(l.TagSize), Kind: scheme.Kind},
		Tags: activate.TagsLine(&l.Superblock, data.Device.String(), l.Offset, mode),
	}
	if scheme.Unusual {
		m.Tag.KeySize = uint32(scheme.MACKey)
	}
	return m, nil
}

// Scheme is how sectors of a volume with Data.Integrity are protected. Errors: of kind authentic.ErrScheme, and
// ErrUnsupported.
func (v *Volume) Scheme() (*authentic.Scheme, error) {
	now := v.now()
	i := now.Data.Integrity
	if i == nil {
		return nil, ErrUnsupported
	}
	if i.JournalEncryption != "none" || i.JournalIntegrity != "none" {
		return nil, fmt.Errorf("integrity with a journal that is %s and %s: %w", i.JournalEncryption,
			i.JournalIntegrity, ErrUnsupported)
	}
	return authentic.Of(now.Data.Cipher, i.Type, int(i.KeySize))
}
