// SPDX-License-Identifier: Apache-2.0

package folder

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestNamesAreInOrderAndErrorsNameTheFolder(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"b", "a", ".c"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if names, err := Names(dir); err != nil || !slices.Equal(names, []string{".c", "a", "b"}) {
		t.Errorf("%q, %v", names, err)
	}
	var path *fs.PathError
	missing := filepath.Join(dir, "none")
	if _, err := Names(missing); !errors.Is(err, fs.ErrNotExist) || !errors.As(err, &path) || path.Path != missing {
		t.Errorf("%v", err)
	}
	if names, err := Names(filepath.Join(dir, "a")); err == nil || len(names) > 0 {
		t.Errorf("of a file: %q, %v", names, err)
	}
}
