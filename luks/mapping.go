// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"bytes"
	"fmt"

	"github.com/orthrus-luks/orthrus/luks/activate"
)

// CheckMappable refuses what cannot be mapped as one crypt line: requirements that are not met
// (RequirementsError), authenticated encryption and segments of other types (SegmentError).
func (v *Volume) CheckMappable() error {
	if err := v.CheckRequirements(); err != nil {
		return err
	}
	if v.Data.Integrity != nil || v.Data.Type != "crypt" {
		return &SegmentError{Type: v.Data.Type, Integrity: v.Data.Integrity != nil}
	}
	return nil
}

// SegmentError is a data segment of a kind that is not supported.
type SegmentError struct {
	Type      string
	Integrity bool // encrypted and authenticated
}

func (e *SegmentError) Error() string {
	if e.Integrity {
		return "authenticated encryption: " + ErrUnsupported.Error()
	}
	return fmt.Sprintf("data segment of type %q: %v", e.Type, ErrUnsupported)
}

func (e *SegmentError) Unwrap() error { return ErrUnsupported }

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

// KeyDigest is the digest by which the header knows its volume key, as luksDump shows it; nil where
// there is none of a known type. Only the holder of the volume key can make a header with it.
func (v *Volume) KeyDigest() []byte {
	if v.digest == nil {
		return nil
	}
	return bytes.Clone(v.digest.Sum)
}
