// SPDX-License-Identifier: Apache-2.0

package signature

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// sparse is an image of which only some 512-byte sectors are not zero.
type sparse struct {
	size    int64
	sectors map[int64][]byte // by offset
}

func (d *sparse) ReadAt(p []byte, off int64) (int, error) {
	n := int(max(0, min(int64(len(p)), d.size-off)))
	for done := 0; done < n; {
		at := off + int64(done)
		part := p[done:min(n, done+int(512-at%512))]
		clear(part)
		if sector := d.sectors[at/512*512]; sector != nil {
			copy(part, sector[at%512:])
		}
		done += len(part)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// put overlays bytes, for images made by tests.
func (d *sparse) put(off int64, b string) {
	for len(b) > 0 {
		at := off / 512 * 512
		if d.sectors[at] == nil {
			d.sectors[at] = make([]byte, 512)
		}
		n := copy(d.sectors[at][off-at:], b)
		off, b = off+int64(n), b[n:]
	}
}

// file writes the image as a sparse file.
func (d *sparse) file(t testing.TB) string {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "image"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := f.Truncate(d.size); err != nil {
		t.Fatal(err)
	}
	for off, sector := range d.sectors {
		if _, err := f.WriteAt(sector[:min(512, d.size-off)], off); err != nil {
			t.Fatal(err)
		}
	}
	return f.Name()
}

// A fixture is gzip of the size (be64), then an offset (be64) and 512 bytes for each sector that
// is not zero, where Detect looks. testdata/make.sh makes the images.
func (d *sparse) load(r io.Reader) error {
	if err := binary.Read(r, binary.BigEndian, &d.size); err != nil {
		return err
	}
	for {
		var off int64
		if err := binary.Read(r, binary.BigEndian, &off); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		sector := make([]byte, 512)
		if _, err := io.ReadFull(r, sector); err != nil {
			return err
		}
		d.sectors[off] = sector
	}
}

func fixture(t testing.TB, name string) *sparse {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("testdata", name+".gz"))
	if err != nil {
		t.Fatal(err)
	}
	r, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	d := &sparse{sectors: map[int64][]byte{}}
	if err := d.load(r); err != nil {
		t.Fatal(err)
	}
	return d
}

func fixtures(t testing.TB) (names []string) {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.gz")
	if err != nil || len(paths) < 30 {
		t.Fatalf("%d fixtures, %v", len(paths), err)
	}
	for _, path := range paths {
		names = append(names, strings.TrimSuffix(filepath.Base(path), ".gz"))
	}
	return names
}
