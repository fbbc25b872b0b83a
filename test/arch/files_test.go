// SPDX-License-Identifier: Apache-2.0

package arch

import (
	"bytes"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestTopLevelFoldersAreFixed(t *testing.T) {
	entries, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		built := name == "bin" || strings.HasPrefix(name, ".")
		if e.IsDir() && !built && !slices.Contains(folders, name) {
			t.Errorf("top-level folder %s: only %v", name, folders)
		}
	}
}

func TestEveryFileNamesItsLicence(t *testing.T) {
	walk(t, func(file string) {
		text, err := os.ReadFile(filepath.Join(root, file))
		if err != nil {
			t.Fatal(err)
		}
		head := bytes.Join(bytes.SplitAfterN(text, []byte("\n"), 4)[:min(3, bytes.Count(text, []byte("\n")))], nil)
		if isSource(file, text) && !bytes.Contains(head, []byte("SPDX-License-Identifier: Apache-2.0")) {
			t.Errorf("%s: no SPDX line among its first three", file)
		}
	})
}

func isSource(file string, text []byte) bool {
	switch path.Ext(file) {
	case ".go", ".s", ".sh":
		return true
	}
	return path.Base(file) == "Makefile" || bytes.HasPrefix(text, []byte("#!"))
}
