// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/orthrus-luks/orthrus/dm/block"
)

// udevData is where udevd keeps what it knows of devices.
const udevData = "/run/udev/data"

// tellUdev notes for the udevd of the root that the mappings there are were made
// on purpose and are whole. Device-mapper's rules pass over one that nothing is
// known of when udevd starts, and then systemd waits for it in vain: a /home on
// the root's volume group.
func tellUdev() error {
	mappings, err := filepath.Glob("/sys/block/dm-*")
	if len(mappings) > 0 {
		err = errors.Join(err, os.MkdirAll(udevData, 0o755))
	}
	for _, dir := range mappings {
		if !hidden(dir) {
			file := filepath.Join(udevData, "b"+block.ReadAttribute(dir, "dev"))
			err = errors.Join(err, os.WriteFile(file, []byte("E:DM_UDEV_PRIMARY_SOURCE_FLAG=1\n"), 0o644))
		}
	}
	return err
}

// hidden tells that a volume of LVM is a part of another one, whose contents it
// seems to have.
func hidden(dir string) bool {
	holders, _ := filepath.Glob(filepath.Join(dir, "holders/*/dm/uuid"))
	for _, uuid := range append(holders, filepath.Join(dir, "dm/uuid")) {
		if !strings.HasPrefix(block.ReadAttribute("/", uuid), "LVM-") {
			return false
		}
	}
	return len(holders) > 0
}
