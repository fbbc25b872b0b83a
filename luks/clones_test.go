// SPDX-License-Identifier: Apache-2.0

package luks

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/block"
	"github.com/orthrus-luks/orthrus/test/vectors"
)

func TestClonesAreFoundByTheirUUID(t *testing.T) {
	dir := t.TempDir()
	put := func(name, vector string) string {
		image, _ := vectors.Open(vector)
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, image, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	target, clone, other := put("target", "luks2-unbound"), put("clone", "luks2-unbound"), put("other", "luks2-serpent")
	file, err := OpenDevice(target, DeviceOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	uuid := uuidOf(t.Context(), target)
	devices := []block.Info{
		{Path: clone, Major: 7, Minor: 1, Size: 1},
		{Path: other, Major: 7, Minor: 2, Size: 1},
		{Path: filepath.Join(dir, "gone"), Major: 7, Minor: 3, Size: 1},
		{Path: clone, Major: 7, Minor: 4},
	}
	if got := file.clonesAmong(t.Context(), uuid, devices); !slices.Equal(got, []string{clone}) {
		t.Errorf("clones %q", got)
	}
}
