// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/internal/kmod"
)

// tree is a small system to make an image of.
func tree(t *testing.T) (root, self string) {
	t.Helper()
	root = t.TempDir()
	for name, text := range map[string]string{
		"lib/modules/6.1/k/dm-mod.ko": "mod", "lib/modules/6.1/k/dm-crypt.ko": "crypt", "etc/key": "secret", "orthrus": "program",
	} {
		file := filepath.Join(root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if out, err := exec.Command("xz", filepath.Join(root, "lib/modules/6.1/k/dm-crypt.ko")).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	return root, filepath.Join(root, "orthrus")
}

func smallPlan() Plan {
	return Plan{
		Kernel: "6.1", Modules: []kmod.Module{{File: "k/dm-mod.ko"}, {File: "k/dm-crypt.ko.xz", Needs: []string{"k/dm-mod.ko"}}}, Crypttab: "sealed UUID=1 none\n", Fstab: "/dev/x / ext4 defaults 0 0\n",
		Files: []File{{Path: "/etc/key", Private: true}},
	}
}

// unpacked is a folder with what is in the plan's image.
func unpacked(t *testing.T, p Plan, root, self string) string {
	t.Helper()
	var image bytes.Buffer
	if err := p.Write(t.Context(), &image, root, self); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&image)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	// Device nodes need root, so the console is listed and not unpacked.
	cmd := exec.Command("cpio", "-id", "--quiet", "--no-preserve-owner", "-f", "dev/console")
	cmd.Dir, cmd.Stdin = dir, z
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	return dir
}

// The program of another system may be for another processor; where none lies there, this one is taken.
func TestAnImageForAnotherSystemHasItsProgram(t *testing.T) {
	for _, place := range []string{"", "usr/sbin/orthrus", "usr/local/sbin/orthrus"} {
		root, self := tree(t)
		want := "program"
		if place != "" {
			want = "for another processor"
			file := filepath.Join(root, place)
			if err := errors.Join(os.MkdirAll(filepath.Dir(file), 0o755), os.WriteFile(file, []byte(want), 0o755)); err != nil {
				t.Fatal(err)
			}
		}
		init, err := os.ReadFile(filepath.Join(unpacked(t, smallPlan(), root, self), "init"))
		if err != nil || string(init) != want {
			t.Errorf("%q: %q, %v", place, init, err)
		}
	}
}

func TestImageIsReadBack(t *testing.T) {
	root, self := tree(t)
	dir := unpacked(t, smallPlan(), root, self)
	for name, want := range map[string]string{
		"init": "program", "lib/modules/6.1/k/dm-crypt.ko": "crypt", "lib/modules/6.1/modules.dep": "k/dm-mod.ko:\nk/dm-crypt.ko: k/dm-mod.ko\n",
		"etc/crypttab": "sealed UUID=1 none\n", "etc/fstab": "/dev/x / ext4 defaults 0 0\n", "etc/key": "secret",
	} {
		got, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil || string(got) != want {
			t.Errorf("%s: %q %v", name, got, err)
		}
	}
	for name, want := range map[string]os.FileMode{"init": 0o755, "etc/key": 0o400, "etc/crypttab": 0o644} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s: %v %v", name, info.Mode(), err)
		}
	}
}

func TestSameFactsGiveTheSameBytes(t *testing.T) {
	var first []byte
	for range 2 {
		root, self := tree(t) // other times and paths
		var image bytes.Buffer
		if err := smallPlan().Write(t.Context(), &image, root, self); err != nil {
			t.Fatal(err)
		}
		if first != nil && !bytes.Equal(first, image.Bytes()) {
			t.Error("two images differ")
		}
		first = image.Bytes()
	}
}

func TestSavedImageIsWholeAndPrivate(t *testing.T) {
	root, self := tree(t)
	file := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(file, []byte("the one before"), 0o644); err != nil {
		t.Fatal(err)
	}
	broken := smallPlan()
	broken.Files = []File{{Path: "/etc/gone"}}
	if _, err := broken.Save(t.Context(), file, root, self); err == nil {
		t.Error("a file that is not there came into the image")
	}
	if text, _ := os.ReadFile(file); string(text) != "the one before" {
		t.Errorf("a failed run left %q", text)
	}
	size, err := smallPlan().Save(t.Context(), file, root, self)
	info, statErr := os.Stat(file)
	if err != nil || statErr != nil || info.Size() != size || info.Mode().Perm() != 0o600 {
		t.Errorf("%d %v %v %v", size, err, info, statErr)
	}
	if names, _ := filepath.Glob(filepath.Join(filepath.Dir(file), ".*")); len(names) > 0 && strings.Contains(strings.Join(names, ""), "image") {
		t.Errorf("left behind: %v", names)
	}
}
