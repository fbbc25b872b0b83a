// SPDX-License-Identifier: Apache-2.0

package cpio_test

import (
	"bytes"
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/cmd/cpio"
)

func TestArchiveIsReadByCpio(t *testing.T) {
	var buf bytes.Buffer
	c := cpio.NewWriter(&buf)
	c.File("/a/b/odd", 0o755, []byte("12345"))
	c.Symlink("/link", "a/b")
	c.File("/a/b/odd", 0o644, []byte("a second one is left out"))
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("cpio", "-itv", "--quiet")
	cmd.Stdin = &buf
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{"drwxr-xr-x", " a/b/odd", "-rwxr-xr-x", "link -> a/b"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if strings.Count(string(out), "odd") != 1 {
		t.Errorf("not one entry of that name:\n%s", out)
	}
}

type full struct{}

var errFull = errors.New("full")

func (full) Write([]byte) (int, error) { return 0, errFull }

func TestFirstErrorIsReturnedByClose(t *testing.T) {
	c := cpio.NewWriter(full{})
	c.File("/a", 0o644, nil)
	if err := c.Close(); !errors.Is(err, errFull) {
		t.Errorf("%v", err)
	}
}
