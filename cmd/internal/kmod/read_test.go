// SPDX-License-Identifier: Apache-2.0

package kmod_test

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
)

func TestModulesAreReadUncompressed(t *testing.T) {
	dir := t.TempDir()
	plain := filepath.Join(dir, "a.ko")
	if err := os.WriteFile(plain, []byte("module"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, argv := range [][]string{{"gzip", "-k", plain}, {"xz", "-k", plain}, {"zstd", "-q", "-k", plain}} {
		if out, err := exec.Command(argv[0], argv[1:]...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %v %s (run scripts/setup)", argv, err, out)
		}
	}
	for _, ending := range []string{"", ".gz", ".xz", ".zst"} {
		data, name, err := kmod.Read(t.Context(), plain+ending)
		if err != nil || string(data) != "module" || name != plain {
			t.Errorf("%q: %q %s %v", ending, data, name, err)
		}
	}
}

func TestUnreadableCompressionIsNamed(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a.ko.lz4", "b.ko.xz", "c.ko.zst"} {
		file := filepath.Join(dir, name)
		if err := os.WriteFile(file, []byte("not compressed"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := kmod.Read(t.Context(), file); !errors.Is(err, kmod.ErrCompressed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
