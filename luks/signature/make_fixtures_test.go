// SPDX-License-Identifier: Apache-2.0

//go:build fixtures

package signature

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// recorder notes which sectors are read.
type recorder struct {
	*os.File
	sectors map[int64]bool
}

func (r *recorder) ReadAt(p []byte, off int64) (int, error) {
	for at := off / 512 * 512; at < off+int64(len(p)); at += 512 {
		r.sectors[at] = true
	}
	return r.File.ReadAt(p, off)
}

// TestMakeFixtures turns the images in the directory $IMAGES (see testdata/make.sh) into fixtures.
func TestMakeFixtures(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(os.Getenv("IMAGES"), "*.img"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no images in $IMAGES, %v", err)
	}
	for _, path := range paths {
		name := strings.TrimSuffix(filepath.Base(path), ".img")
		if err := os.WriteFile(filepath.Join("testdata", name+".gz"), trimmed(t, path), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func trimmed(t *testing.T, path string) []byte {
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		t.Fatal(err)
	}
	seen := &recorder{f, map[int64]bool{}}
	if _, err := Detect(seen, st.Size()); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	w, _ := gzip.NewWriterLevel(&out, gzip.BestCompression)
	_ = binary.Write(w, binary.BigEndian, st.Size())
	for off := int64(0); off < st.Size(); off += 512 {
		sector := make([]byte, 512)
		if seen.sectors[off] {
			_, _ = f.ReadAt(sector, off)
		}
		if !bytes.Equal(sector, make([]byte, 512)) {
			_ = binary.Write(w, binary.BigEndian, off)
			_, _ = w.Write(sector)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}
