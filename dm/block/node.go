// SPDX-License-Identifier: Apache-2.0

package block

import "path/filepath"

// Node is the node of a device that a table names by "major:minor", and the file behind it where it is a loop device.
func Node(number string) (node, loop string) {
	node = number
	if path, err := filepath.EvalSymlinks("/dev/block/" + number); err == nil {
		node = path
	} else if path, err := filepath.EvalSymlinks("/sys/dev/block/" + number); err == nil {
		node = "/dev/" + filepath.Base(path)
	}
	if file, err := LoopBacking(node); err == nil {
		loop = file
	}
	return node, loop
}
