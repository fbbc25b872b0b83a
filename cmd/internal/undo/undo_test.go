// SPDX-License-Identifier: Apache-2.0

package undo

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestNamesOfUndoCopiesStayInTheirDirectory(t *testing.T) {
	for uuid, want := range map[string]string{
		"11111111-2222-4333-8444-555555555555": "11111111-2222-4333-8444-555555555555",
		"../../etc/passwd":                     "______etc_passwd",
		"":                                     "unnamed",
		"a\x00b":                               "a_b",
	} {
		if got := PlainName(uuid); got != want {
			t.Errorf("%q: %q", uuid, got)
		}
	}
}

func TestTheHomeOfPasswdIsFound(t *testing.T) {
	const passwd = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000:,,,:/home/user:/bin/sh\nshort:x:10\n"
	for uid, want := range map[string]string{"0": "/root", "1000": "/home/user", "10": "", "100": ""} {
		if got := homeOf(uid, passwd); got != want {
			t.Errorf("%s: %q", uid, got)
		}
	}
}

// A folder that cannot be made is named, and says nothing of the device's rights.
func TestAFolderThatCannotBeMadeIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	err := makeFolder(filepath.Join(file, "undo"))
	var folder *FolderError
	if !errors.As(err, &folder) || !strings.Contains(err.Error(), file+"/undo cannot be made: not a directory") {
		t.Errorf("%v", err)
	}
}

func TestTheStateDirectoryIsAbsolute(t *testing.T) {
	t.Setenv("ORTHRUS_STATE_DIR", "some/where")
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	if got := StateDirectory(); got != filepath.Join(here, "some/where") {
		t.Errorf("%s", got)
	}
}
