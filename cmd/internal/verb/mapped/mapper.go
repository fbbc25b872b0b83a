// SPDX-License-Identifier: Apache-2.0

package mapped

import (
	"errors"
	"os"
	"strings"

	"github.com/orthrus-luks/orthrus/cmd/internal/ui"
	"github.com/orthrus-luks/orthrus/cmd/internal/verb"
	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/block"
)

// Mapper opens the device-mapper to look for the active mapping that arg names. A kernel without
// one has nothing active, which is another exit code than being unable to map.
func Mapper(c *verb.Command, arg string) (*dm.Control, error) {
	control, err := dm.Open()
	if errors.Is(err, dm.ErrNoDeviceMapper) {
		if isMissingPath(arg) {
			return nil, NotActive(arg)
		}
		return nil, ui.WithCode(err, ui.NoDevice)
	}
	if err != nil {
		return nil, err
	}
	control.Warn = func(err error) { c.UI.Errorf("WARNING: %v", err) }
	return control, nil
}

// NotActive says that there is no such mapping.
func NotActive(arg string) error { return verb.Failure(ui.NoDevice, "Device %s is not active.", arg) }

func isMissingPath(arg string) bool {
	_, err := os.Stat(arg)
	return strings.Contains(arg, "/") && err != nil
}

// MappingName is the mapping that an argument names, be it by name or by the path of its node.
func MappingName(arg string) string {
	if name, found := strings.CutPrefix(arg, "/dev/mapper/"); found {
		return dm.Unmangle(name)
	}
	if !strings.Contains(arg, "/") {
		return arg
	}
	devices, err := block.Devices()
	if err != nil {
		return arg
	}
	for _, d := range devices {
		if d.DMName != "" && d.Path == arg {
			return d.DMName
		}
	}
	return arg
}
