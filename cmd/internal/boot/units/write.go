// SPDX-License-Identifier: Apache-2.0

package units

import (
	"os"
	"path/filepath"
)

// Write puts the files below a folder.
func Write(dir string, files []File) error {
	for _, f := range files {
		path := filepath.Join(dir, f.Path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := write(path, f.Text); err != nil {
			return err
		}
	}
	return nil
}

func write(path, text string) error {
	if text == "" {
		return os.Symlink(Template, path)
	}
	return os.WriteFile(path, []byte(text), 0o644)
}
