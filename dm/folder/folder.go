// SPDX-License-Identifier: Apache-2.0

// Package folder lists what is in a directory. It is smaller in the program than os.ReadDir, which sorts entries by a
// copy of the sort of their own.
package folder

import (
	"errors"
	"os"
	"slices"
)

// Names are the names in a directory, ascending. With an error, which is a *fs.PathError, they are those that could be
// read before it.
func Names(dir string) ([]string, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	names, err := f.Readdirnames(-1)
	slices.Sort(names)
	return names, errors.Join(err, f.Close())
}
