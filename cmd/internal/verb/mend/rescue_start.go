// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/orthrus-luks/orthrus/luks"
)

// partitionStart is the sector of the disk at which the device begins, 0 for a whole disk or a
// file (sysfs: /sys/dev/block/MAJ:MIN/start).
func partitionStart(file *luks.File) int64 {
	if !file.IsBlock() {
		return 0
	}
	text, err := os.ReadFile(fmt.Sprintf("/sys/dev/block/%d:%d/start", file.Major(), file.Minor()))
	if err != nil {
		return 0
	}
	start, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return start
}
