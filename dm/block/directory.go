// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"os"
)

// SyncDirectory makes the names in a directory durable, which a sync of the files in it does not.
func SyncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
