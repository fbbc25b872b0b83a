// SPDX-License-Identifier: Apache-2.0

package guard

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm/block"
)

// A guard that has looked at nothing but the one image asks all others before it writes.
func TestAnImageIsAskedForItsClonesBeforeItIsMended(t *testing.T) {
	for name, test := range map[string]struct {
		place func(b *bench, path string, contents []byte) (device string)
		alone bool
	}{
		"alone": {func(*bench, string, []byte) string { return "" }, true},
		"another image of the configuration": {func(b *bench, _ string, contents []byte) string {
			b.put(filepath.Join(b.dir, "c.img"), contents)
			return ""
		}, false},
		"another name of the same file": {func(b *bench, path string, _ []byte) string {
			if err := os.Link(path, filepath.Join(b.dir, "c.img")); err != nil {
				b.t.Fatal(err)
			}
			return ""
		}, true},
		"a device": {func(b *bench, _ string, contents []byte) string {
			b.put(filepath.Join(b.dir, "device"), contents)
			return filepath.Join(b.dir, "device")
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, "repair = proven")
			path, contents := b.image("a", "luks2-unbound")
			b.look(path)
			device := test.place(b, path, contents)
			b.machine.devices = func() ([]block.Info, error) {
				if device == "" {
					return nil, nil
				}
				return []block.Info{{Path: device, Major: 7, Minor: 1 << 19, Size: int64(len(contents))}}, nil
			}
			broken := damaged(contents, 0, headSize)
			if test.alone && name != "alone" {
				f, err := os.OpenFile(path, os.O_WRONLY, 0)
				if err != nil {
					t.Fatal(err)
				}
				if _, err := f.WriteAt(broken[:headSize], 0); err != nil || f.Close() != nil {
					t.Fatal(err)
				}
			} else {
				b.put(path, broken)
			}
			v := b.look(path)
			if (v.Did != "") != test.alone {
				t.Errorf("%+v", v)
			}
			if !test.alone {
				b.holds(path, broken)
				if !strings.Contains(strings.Join(v.Because, " "), "the same UUID is on ") {
					t.Errorf("%q", v.Because)
				}
			}
		})
	}
}
