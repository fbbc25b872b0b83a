// SPDX-License-Identifier: Apache-2.0

package mend

import (
	"strconv"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/luks"
)

// partitionStart is the sector of the disk at which the device begins, 0 for a whole disk or a file.
func partitionStart(file *luks.File) int64 {
	if !file.IsBlock() {
		return 0
	}
	start, err := strconv.ParseInt(block.Attribute(file.Major(), file.Minor(), "start"), 10, 64)
	if err != nil {
		return 0
	}
	return start
}
