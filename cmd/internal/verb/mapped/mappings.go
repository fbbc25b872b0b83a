// SPDX-License-Identifier: Apache-2.0

package mapped

import (
	"errors"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/verb/volume"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/luks/activate"
)

// MappingsOf lists the names of the mappings of this very device's data; without the device-mapper
// there are none.
func MappingsOf(v *volume.Volume) ([]string, error) {
	control, err := dm.Open()
	if errors.Is(err, dm.ErrNoDeviceMapper) || errors.Is(err, dm.ErrPermission) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	defer control.Close()
	faces, err := v.File.Faces()
	if err != nil || len(faces) == 0 {
		return nil, err
	}
	devices, err := control.Devices()
	if err != nil {
		return nil, err
	}
	var names []string
	for _, d := range devices {
		name := dm.Unmangle(d.Name)
		table, info, err := control.Table(name, dm.Active)
		if errors.Is(err, dm.ErrNotFound) {
			continue
		}
		if err != nil {
			return nil, err
		}
		ours := len(activate.Ranges(table, faces)) > 0 && isCrypt(table) &&
			strings.Contains(info.UUID, strings.ReplaceAll(v.UUID, "-", ""))
		if err := table.Close(); err != nil {
			return nil, err
		}
		if ours {
			names = append(names, name)
		}
	}
	return names, nil
}

func isCrypt(table dm.Table) bool {
	if len(table) != 1 {
		return false
	}
	_, crypt := table[0].(*target.Crypt)
	return crypt
}
