// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// Mapping describes the device that maps the volume's data on data, with the flags the header
// keeps; the key is still missing. The error is an activate.SizeError.
func (v *Volume) Mapping(name string, data activate.Data) (activate.Mapping, error) {
	length, err := activate.Length(data.Size, v.Data.Offset, v.Data.Size, v.Data.SectorSize)
	if err != nil {
		return activate.Mapping{}, err
	}
	m := activate.Mapping{
		Name: name, Kind: activate.LUKS1, VolumeUUID: v.UUID, Device: data.Device,
		Offset: v.Data.Offset / 512, Length: length, IVOffset: v.Data.IVTweak, Cipher: v.Data.Cipher,
		SectorSize: v.Data.SectorSize, ReadOnly: data.ReadOnly, ReadAhead: data.ReadAhead,
	}
	if v.Version == 2 {
		m.Kind, m.Flags = activate.LUKS2, activate.Flags(v.Metadata().Flags())
	}
	return m, nil
}
