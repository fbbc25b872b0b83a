// SPDX-License-Identifier: Apache-2.0

package bitlk

import (
	"errors"

	"github.com/orthrus-luks/orthrus/dm/secret"
	"github.com/orthrus-luks/orthrus/dm/target"
)

// Table is the mapping as the device-mapper wants it: lines of crypt and of zero for device, which is
// "major:minor". Each line of crypt has a copy of the key; the caller closes them.
func (v *Volume) Table(device string, key *Key, flags target.CryptFlags) (lines []target.Target, err error) {
	for _, p := range v.Pieces() {
		if p.Zero {
			lines = append(lines, &target.Zero{Start: p.Offset / 512, Length: p.Size / 512})
			continue
		}
		line := v.line(p, device, flags)
		lines = append(lines, line)
		if line.Key.Raw, err = secret.Copy(key.Bytes()); err != nil {
			return nil, errors.Join(err, closeAll(lines))
		}
	}
	return lines, nil
}

func (v *Volume) line(p Piece, device string, flags target.CryptFlags) *target.Crypt {
	line := &target.Crypt{
		Start: p.Offset / 512, Length: p.Size / 512, Cipher: v.Method.Cipher(), IVOffset: p.From / 512,
		Device: device, Offset: p.From / 512, Flags: flags,
	}
	if v.Boot.SectorSize != 512 {
		line.SectorSize = uint32(v.Boot.SectorSize)
		line.Flags |= target.IVLargeSectors
	}
	return line
}

func closeAll(lines []target.Target) (err error) {
	for _, line := range lines {
		err = errors.Join(err, line.Close())
	}
	return err
}
