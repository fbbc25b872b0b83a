// SPDX-License-Identifier: Apache-2.0

package block

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// badMedium is a disk in memory that moves few bytes at a time, is interrupted, cannot read some
// sectors, and, when direct, refuses what is not whole sectors.
type badMedium struct {
	bytes   []byte
	sector  int
	direct  bool
	atMost  int // bytes moved by one call; 0 for all
	signals int // calls that end with EINTR before one that does not
	pending int
	bad     map[int64]bool // unreadable sectors, by number
	written []span
	writes  int
	failing bool // writes end with EIO after what atMost lets through
}

func (m *badMedium) call(p []byte, off int64) ([]byte, error) {
	if m.pending < m.signals {
		m.pending++
		return nil, unix.EINTR
	}
	m.pending = 0
	if m.direct && (off%int64(m.sector) != 0 || len(p)%m.sector != 0 || !aligned(p, m.sector)) {
		return nil, unix.EINVAL
	}
	if m.atMost > 0 && len(p) > m.atMost {
		p = p[:m.atMost]
	}
	return p[:max(0, min(len(p), len(m.bytes)-int(off)))], nil
}

func (m *badMedium) pread(p []byte, off int64) (int, error) {
	p, err := m.call(p, off)
	if err != nil {
		return -1, err
	}
	sector := int64(m.sector)
	for s := off / sector; s*sector < off+int64(len(p)); s++ {
		if m.bad[s] {
			p = p[:max(0, s*sector-off)]
			if len(p) == 0 {
				return -1, unix.EIO
			}
		}
	}
	return copy(p, m.bytes[min(off, int64(len(m.bytes))):]), nil
}

func (m *badMedium) pwrite(p []byte, off int64) (int, error) {
	p, err := m.call(p, off)
	if err != nil {
		return -1, err
	}
	m.writes++
	if m.failing && m.writes > 1 {
		return -1, unix.EIO
	}
	m.written = append(m.written, span{off, off + int64(len(p))})
	return copy(m.bytes[off:], p), nil
}

// on gives a Device that reads and writes m; its file is as long as m but empty.
func on(t *testing.T, m *badMedium) *Device {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(path, int64(len(m.bytes))); err != nil {
		t.Fatal(err)
	}
	d := open(t, path, ReadWrite)
	d.medium, d.logical, d.direct = m, m.sector, m.direct
	return d
}

func open(t *testing.T, path string, flags Flags) *Device {
	t.Helper()
	d, err := Open(path, flags)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

func ioError(t *testing.T, err error) *IOError {
	t.Helper()
	var failed *IOError
	if !errors.As(err, &failed) {
		t.Fatalf("%v is no *IOError", err)
	}
	return failed
}
