// SPDX-License-Identifier: Apache-2.0

package partition

import (
	"bytes"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// disk is partitioned by sfdisk.
func disk(t *testing.T, script string) (*os.File, int64) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "disk")
	const size = 8 << 20
	if err := os.WriteFile(path, make([]byte, size), 0o600); err != nil {
		t.Fatal(err)
	}
	sfdisk := exec.Command("sfdisk", "-q", path)
	sfdisk.Stdin = strings.NewReader(script)
	if out, err := sfdisk.CombinedOutput(); err != nil {
		t.Fatalf("sfdisk (package fdisk): %v\n%s", err, out)
	}
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return f, size
}

// What sfdisk gives a partition without a type, and the type of a signature of a root.
const (
	linux     = "0fc63daf-8483-4772-8e79-3d69d8477de4"
	signature = "41092b05-9fc8-4523-994f-2def0408b176"
)

const gpt = `label: gpt
start=2048, size=2048, uuid=11111111-2222-4333-8444-555555555555, name="root fs"
start=4096, size=2048, uuid=AAAAAAAA-BBBB-4CCC-8DDD-EEEEEEEEEEEE, type=` + signature + "\n"

func TestPartitionsOfAGPT(t *testing.T) {
	f, size := disk(t, gpt)
	for n, want := range map[int]Entry{
		1: {"11111111-2222-4333-8444-555555555555", "root fs", linux},
		2: {"aaaaaaaa-bbbb-4ccc-8ddd-eeeeeeeeeeee", "", signature},
	} {
		if got, err := Read(f, size, 512, n); err != nil || got != want {
			t.Errorf("%d: %+v, %v", n, got, err)
		}
	}
	for _, n := range []int{0, 3, 129, 5000} {
		if got, err := Read(f, size, 512, n); n != 3 && n > 0 && n < 129 && err == nil {
			t.Errorf("%d: %+v", n, got)
		} else if err == nil && got.Name != "" {
			t.Errorf("%d: %+v", n, got)
		}
	}
	if _, err := f.WriteAt(make([]byte, 512), 512); err != nil {
		t.Fatal(err)
	}
	if got, err := Read(f, size, 512, 1); err != nil || got.Name != "root fs" {
		t.Errorf("from the copy at the end: %+v, %v", got, err)
	}
}

func TestPartitionsOfAnMBR(t *testing.T) {
	f, size := disk(t, "label: dos\nlabel-id: 0x1234abcd\nstart=2048, size=2048\n")
	if got, err := Read(f, size, 512, 1); err != nil || got != (Entry{UUID: "1234abcd-01"}) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestADiskWithoutTableHasNoPartitions(t *testing.T) {
	if _, err := Read(bytes.NewReader(make([]byte, 4096)), 4096, 512, 1); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
	if _, err := Read(bytes.NewReader(nil), 0, 512, 1); !errors.Is(err, ErrNone) {
		t.Error(err)
	}
}

func FuzzRead(f *testing.F) {
	header := make([]byte, 2048)
	copy(header[512:], "EFI PART")
	binary.LittleEndian.PutUint32(header[524:], 92)
	binary.LittleEndian.PutUint64(header[512+72:], 2)
	binary.LittleEndian.PutUint32(header[512+80:], 4)
	binary.LittleEndian.PutUint32(header[512+84:], 128)
	header[1024], header[1040] = 1, 1
	binary.LittleEndian.PutUint32(header[528:], crc32.ChecksumIEEE(header[512:604]))
	f.Add(header, int64(512), 1)
	f.Fuzz(func(t *testing.T, b []byte, sector int64, n int) {
		if sector != 512 {
			sector = 4096
		}
		got, err := Read(bytes.NewReader(b), int64(len(b)), sector, n)
		if (err == nil) != (got.UUID != "") {
			t.Errorf("%+v, %v", got, err)
		}
	})
}
