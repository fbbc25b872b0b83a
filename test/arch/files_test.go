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

// facade is how many lines the package luks may have, tests left out: what plans or computes belongs below it. A fifth
// are the steps from a device to a mapping, which need a Volume and a File.
const facade = 2750

func TestTheFacadeStaysThin(t *testing.T) {
	lines := 0
	for _, s := range sources(t) {
		if s.test || s.pkg != "luks" {
			continue
		}
		text, err := os.ReadFile(filepath.Join(root, s.file))
		if err != nil {
			t.Fatal(err)
		}
		lines += bytes.Count(text, []byte("\n"))
	}
	if lines == 0 || lines >= facade {
		t.Errorf("%d lines in luks, want less than %d", lines, facade)
	}
}

// The far header is in many rooms, and a file's name alone says what of it is there.
func TestFilesAboutTheFarHeaderHaveNamesOfTheirOwn(t *testing.T) {
	at := map[string]string{}
	for _, s := range sources(t) {
		name := path.Base(s.file)
		if !strings.HasPrefix(name, "far") {
			continue
		}
		if other, taken := at[name]; taken {
			t.Errorf("%s and %s", other, s.file)
		}
		at[name] = s.file
	}
}
