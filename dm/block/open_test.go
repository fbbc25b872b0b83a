// SPDX-License-Identifier: Apache-2.0

package block

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func image(t *testing.T, size int64) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestOpenRefusesWhatIsNoDiskWithATypedError(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	loop := filepath.Join(dir, "loop")
	if err := os.Symlink("loop", loop); err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name, path string
		want       error
	}{
		{"character device", "/dev/null", ErrNotBlock},
		{"directory", dir, ErrNotBlock},
		{"FIFO, without waiting", fifo, ErrNotBlock},
		{"missing", filepath.Join(dir, "missing"), fs.ErrNotExist},
		{"empty path", "", fs.ErrNotExist},
		{"link to itself", loop, unix.ELOOP},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, flags := range []Flags{0, ReadWrite, ReadWrite | Exclusive | Direct} {
				_, err := Open(test.path, flags)
				var at *PathError
				if !errors.Is(err, test.want) || !errors.As(err, &at) || at.Path != test.path {
					t.Errorf("flags %b: %v, want %v", flags, err, test.want)
				}
			}
		})
	}
}

func TestOpenReadOnlyFileForWriting(t *testing.T) {
	if _, err := Open("/proc/version", ReadWrite); err != nil && !errors.Is(err, fs.ErrPermission) {
		t.Fatalf("%v", err)
	}
	d := open(t, image(t, 4096), 0)
	if _, err := d.WriteAt([]byte("x"), 0); !errors.Is(err, ErrReadOnly) {
		t.Fatalf("write to a device opened read-only: %v", err)
	}
	if err := d.ZeroRange(0, 1); !errors.Is(err, ErrReadOnly) {
		t.Fatalf("zeroing a device opened read-only: %v", err)
	}
}

func TestOpenLeavesTheFileAlone(t *testing.T) {
	path := image(t, 8192)
	old := time.Unix(1e9, 0)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	d := open(t, path, ReadWrite|Exclusive|Direct)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal("second Close:", err)
	}
	st, err := os.Stat(path)
	if err != nil || !st.ModTime().Equal(old) || st.Size() != 8192 {
		t.Fatalf("%v, %v", st, err)
	}
}

func TestFileFacts(t *testing.T) {
	d := open(t, image(t, 12345), ReadWrite|Direct)
	if d.Size() != 12345 || d.IsBlock() || d.ReadOnly() || d.Direct() || d.LogicalSector() != 512 || d.PhysicalSector() != 512 || d.Major() != 0 {
		t.Fatalf("%+v", d)
	}
	shape, err := d.Topology()
	if err != nil || shape != (Topology{LogicalSector: 512, PhysicalSector: 512}) {
		t.Fatalf("%+v, %v", shape, err)
	}
}

func TestSizeFollowsTheFileAndLastPartialSectorIsWritten(t *testing.T) {
	path := image(t, 1000)
	d := open(t, path, ReadWrite|Direct)
	if err := os.Truncate(path, 2001); err != nil {
		t.Fatal(err)
	}
	if d.Size() != 1000 {
		t.Fatal("size changed by itself")
	}
	if _, err := d.WriteAt([]byte("end"), 1998); err != nil {
		t.Fatal("write into the grown part:", err)
	}
	if err := d.Sync(); err != nil {
		t.Fatal(err)
	}
	if err := d.FlushBuffers(); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(path)
	if err != nil || len(got) != 2001 || !bytes.HasSuffix(got, []byte("\x00end")) || d.Size() != 2001 {
		t.Fatalf("%d bytes, %v, Size %d", len(got), err, d.Size())
	}
}
