// SPDX-License-Identifier: Apache-2.0

package dm

import (
	"fmt"
	"os"
	"strconv"
	"strings"
)

// setReadAhead raises the read-ahead of a device to at least sectors (512-byte units), through
// /sys/dev/block/<major>:<minor>/bdi/read_ahead_kb.
func setReadAhead(major, minor uint32, sectors uint) error {
	if sectors == 0 {
		return nil
	}
	path := fmt.Sprintf("/sys/dev/block/%d:%d/bdi/read_ahead_kb", major, minor)
	return raiseReadAhead(path, sectors)
}

func raiseReadAhead(path string, sectors uint) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("device-mapper: read-ahead: %w", err)
	}
	now, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 32)
	if err != nil {
		return fmt.Errorf("device-mapper: read-ahead: %s: %w", path, err)
	}
	want := (uint64(sectors) + 1) / 2
	if now >= want {
		return nil
	}
	if err := os.WriteFile(path, strconv.AppendUint(nil, want, 10), 0); err != nil {
		return fmt.Errorf("device-mapper: read-ahead: %w", err)
	}
	return nil
}
