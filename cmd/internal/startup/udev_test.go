// SPDX-License-Identifier: Apache-2.0

package startup

import (
	"os"
	"path/filepath"
	"testing"
)

func TestPartOfALogicalVolumeIsHiddenFromUdev(t *testing.T) {
	tests := map[string]struct {
		uuid    string
		holders []string
		want    bool
	}{
		"volume":                  {"LVM-a", nil, false},
		"half of a mirror":        {"LVM-a", []string{"LVM-b"}, true},
		"volume below LUKS":       {"LVM-a", []string{"CRYPT-LUKS2-1-x"}, false},
		"LUKS below a volume":     {"CRYPT-LUKS2-1-x", []string{"LVM-a", "LVM-b"}, false},
		"neither":                 {"CRYPT-LUKS2-1-x", nil, false},
		"mirror and what is more": {"LVM-a", []string{"LVM-b", "CRYPT-LUKS2-1-x"}, false},
	}
	for name, test := range tests {
		dir := t.TempDir()
		put := func(name, uuid string) {
			file := filepath.Join(dir, name, "dm/uuid")
			if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(file, []byte(uuid+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		put(".", test.uuid)
		for i, uuid := range test.holders {
			put("holders/dm-"+string(rune('0'+i)), uuid)
		}
		if got := hidden(dir); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
