// SPDX-License-Identifier: Apache-2.0

package verity

import (
	"bytes"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vectors"
)

func TestFilesOnBadBlocksAreNamed(t *testing.T) {
	s := newSession(t)
	if err := os.MkdirAll("tree/etc", 0o755); err != nil {
		t.Fatal(err)
	}
	s.write("tree/etc/passwd", bytes.Repeat([]byte("root:x:0:0\n"), 1000))
	s.write("tree/big", vectors.Plain(200000))
	mkfs := exec.Command("mkfs.ext4", "-q", "-F", "-b", "4096", "-d", "tree", "data", "4M")
	if out, err := mkfs.CombinedOutput(); err != nil {
		t.Fatalf("mkfs.ext4 (package e2fsprogs): %v\n%s", err, out)
	}
	s.good("format", "data", "hash", "--fec-device", "fec", "--root-hash-file", "root")
	sound := s.read("data")
	spoil := func(at int) {
		damaged := bytes.Clone(sound)
		damaged[at] ^= 1
		s.write("data", damaged)
	}
	verify := []string{"verify", "data", "hash", "--root-hash-file", "root", "--where"}
	in := bytes.Index(sound, []byte("root:x:0:0\n"))
	spoil(in + 5000)
	got := s.callAs(ours, verify...)
	if got.code != 2 || !strings.Contains(got.stdout, "\nfile: /etc/passwd, 4096 bytes\n") ||
		strings.Contains(got.stdout, "big") {
		t.Errorf("exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	if got := s.callAs(ours, append(verify, "--json")...); !strings.Contains(got.stdout, `"path": "/etc/passwd"`) {
		t.Errorf("%s", got.stdout)
	}
	spoil(1030) // the file system's superblock
	got = s.callAs(ours, verify...)
	if got.code != 2 || !strings.Contains(got.stdout, "files: not told, as the data are no ext4") {
		t.Errorf("exit %d\n%s%s", got.code, got.stdout, got.stderr)
	}
	got = s.good(append(verify, "--fec-device", "fec", "--repair", "new")...)
	if !strings.Contains(got.stdout, "in no file: 4096 bytes") {
		t.Errorf("%s%s", got.stdout, got.stderr)
	}
}
