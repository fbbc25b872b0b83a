// SPDX-License-Identifier: Apache-2.0

package main

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// writeSums writes the sums of all files of a release as sha256sum does, in the order of their names.
func writeSums(folder string) error {
	files, err := filepath.Glob(filepath.Join(folder, "orthrus-*"))
	if err != nil {
		return err
	}
	var lines strings.Builder
	for _, file := range files {
		sum := sha256.New()
		if err := copyInto(sum, file); err != nil {
			return err
		}
		fmt.Fprintf(&lines, "%x  %s\n", sum.Sum(nil), filepath.Base(file))
	}
	return os.WriteFile(filepath.Join(folder, "SHA256SUMS"), []byte(lines.String()), 0o644)
}
