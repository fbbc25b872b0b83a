// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// Mapping describes the device that maps the volume's data on data, with the flags the header
// keeps; the key is still missing. The error is an activate.SizeError.
func (v *Volume) Mapping(name string, data activate.Data) (activate.Mapping, error) {
	now := v.now()
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
