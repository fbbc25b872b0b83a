// SPDX-License-Identifier: Apache-2.0

package content

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// sizes are the files of every image in this test; what is in them is pattern of their path.
var sizes = map[string]int{"/a": 10000, "/dir/b": 5000, "/dir/sub/c": 300, "/dir/sub/large": 30000}

// pattern is what a file holds: bytes that are nowhere else.
func pattern(path string, n int) (p []byte) {
	for i := 0; len(p) < n; i++ {
		sum := sha256.Sum256(fmt.Appendf(nil, "%s %d", path, i))
		p = append(p, sum[:]...)
	}
	return p[:n]
}

func makeTree(t *testing.T, dir string) {
	t.Helper()
	for path, n := range sizes {
		file := filepath.Join(dir, path)
		err := os.MkdirAll(filepath.Dir(file), 0o755)
		if err = errors.Join(err, os.WriteFile(file, pattern(path, n), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range 300 { // a directory of several blocks
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("dir/empty-%050d", i)), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

// ext4Image is made by mke2fs.
func ext4Image(t *testing.T, options ...string) []byte {
	t.Helper()
	dir := t.TempDir()
	makeTree(t, filepath.Join(dir, "tree"))
	image := filepath.Join(dir, "image")
	args := append([]string{"-q", "-F", "-d", filepath.Join(dir, "tree")}, options...)
	if out, err := exec.Command("mkfs.ext4", append(args, image, "4M")...).CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4 (package e2fsprogs): %v\n%s", err, out)
	}
	p, err := os.ReadFile(image)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// recorded images are made of the same tree: erofs by mkfs.erofs 1.5, squashfs by mksquashfs 4.5.1 -noD -noF.
func recorded(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	p, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// Every 32 bytes of every file are found in the image, and told to be that file's.
func TestEveryByteOfAFileIsTold(t *testing.T) {
	for name, image := range map[string][]byte{
		"ext4":             ext4Image(t, "-b", "4096"),
		"ext4 of 1 KiB":    ext4Image(t, "-b", "1024"),
		"ext2, block maps": ext4Image(t, "-b", "1024", "-O", "^extents,^64bit,^has_journal"),
		"erofs":            recorded(t, "erofs"),
		"squashfs":         recorded(t, "squashfs"),
	} {
		for path, n := range sizes {
			content := pattern(path, n)
			for at := 0; at+32 <= n; at += 32 * 31 {
				offset := bytes.Index(image, content[at:at+32])
				if offset < 0 {
					t.Fatalf("%s: byte %d of %s is not in the image", name, at, path)
				}
				r, err := Find(bytes.NewReader(image), []Span{{int64(offset), 32}})
				if err != nil || !told(r, path) || r.Others != 0 || r.Unread != 0 ||
					name[:3] != r.FileSystem[:3] {
					t.Fatalf("%s: byte %d of %s: %+v, %v", name, at, path, r, err)
				}
			}
		}
	}
}

func told(r *Report, path string) bool {
	for _, f := range r.Files {
		if f.Path == path {
			return len(r.Files) == 1 || r.FileSystem == "squashfs" // where fragments are shared
		}
	}
	return false
}

func TestWhatIsInNoFileIsCounted(t *testing.T) {
	image := ext4Image(t, "-b", "4096")
	r, err := Find(bytes.NewReader(image), []Span{{0, 4096}, {int64(len(image)) - 8192, 8192}})
	if err != nil || len(r.Files) != 0 || r.Others != 3*4096 {
		t.Errorf("%+v, %v", r, err)
	}
	whole, err := Find(bytes.NewReader(image), []Span{{0, int64(len(image))}})
	if err != nil || len(whole.Files) < len(sizes)+2 {
		t.Errorf("%+v, %v", whole, err)
	}
}

func TestOtherFileSystemsAreNotKnown(t *testing.T) {
	if _, err := Find(bytes.NewReader(make([]byte, 1<<20)), nil); !errors.Is(err, ErrUnknown) {
		t.Error(err)
	}
	image := recorded(t, "squashfs")
	image[28] = 3
	if _, err := Find(bytes.NewReader(image), nil); !errors.Is(err, ErrUnsupported) {
		t.Error(err)
	}
}

// FuzzFind changes an image of each kind in one place: the search ends, whatever it finds.
func FuzzFind(f *testing.F) {
	images := [][]byte{recorded(f, "ext4"), recorded(f, "erofs"), recorded(f, "squashfs")}
	for i := range images {
		f.Add(uint8(i), uint32(1024), []byte{1, 2, 3})
	}
	f.Fuzz(func(t *testing.T, kind uint8, at uint32, change []byte) {
		image := bytes.Clone(images[int(kind)%len(images)])
		copy(image[int(at)%len(image):], change)
		r, err := Find(bytes.NewReader(image), []Span{{0, int64(len(image))}})
		if err == nil && r.Others < 0 {
			t.Errorf("%+v", r)
		}
	})
}
