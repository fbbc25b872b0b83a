// SPDX-License-Identifier: Apache-2.0

package initramfs

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
)

func TestLibrariesAreReadFromWhatLddPrints(t *testing.T) {
	tests := map[string]struct {
		text string
		want []string
	}{
		"glibc": {
			"\tlinux-vdso.so.1 (0x00007ffd)\n\tlibudev.so.1 => /lib/x86_64-linux-gnu/libudev.so.1 (0x00007f0)\n" +
				"\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f8)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f9)\n",
			[]string{"/lib/x86_64-linux-gnu/libudev.so.1", "/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"},
		},
		"musl": {
			"\t/lib/ld-musl-x86_64.so.1 (0x7f1)\n\tlibc.musl-x86_64.so.1 => /lib/ld-musl-x86_64.so.1 (0x7f1)\n",
			[]string{"/lib/ld-musl-x86_64.so.1"},
		},
		"static": {"\tnot a dynamic executable\n", nil},
	}
	for name, test := range tests {
		if got := librariesIn(test.text); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v", name, got)
		}
	}
}

// The program is the machine's own: scripts/setup installs it.
func TestProgramComesWithItsLibrariesAndConfiguration(t *testing.T) {
	p := Plan{Tools: []string{"mdadm"}}
	if err := (System{Root: "/"}).Bring(t.Context(), &p); err != nil {
		t.Fatal(err)
	}
	var programs, settings []string
	for _, f := range p.Files {
		if f.program {
			programs = append(programs, filepath.Base(f.Path))
		} else if f.optional {
			settings = append(settings, f.Path)
		}
	}
	if !slices.Contains(programs, "mdadm") || !slices.Contains(programs, "libc.so.6") {
		t.Errorf("%v", programs)
	}
	if !slices.Equal(settings, []string{"/etc/mdadm/mdadm.conf", "/etc/mdadm.conf"}) {
		t.Errorf("%v", settings)
	}
	var image bytes.Buffer
	root, self := tree(t)
	if err := (Plan{Files: []File{{Path: "/etc/gone", optional: true}}}).Write(t.Context(), &image, root, self); err != nil {
		t.Errorf("a file that may be absent: %v", err)
	}
}

func TestProgramThatIsNotInstalledIsNamed(t *testing.T) {
	p := Plan{Tools: []string{"lvm"}}
	err := System{Root: t.TempDir()}.Bring(t.Context(), &p)
	const want = "the root needs a program that is not installed: lvm, of the package lvm2"
	if !errors.Is(err, ErrTool) || err.Error() != want {
		t.Errorf("%v", err)
	}
}

func TestAbsoluteLinksLeadToPlacesInTheSystem(t *testing.T) {
	root := t.TempDir()
	if err := errors.Join(os.Mkdir(filepath.Join(root, "lib"), 0o755), os.WriteFile(filepath.Join(root, "lib/real"), []byte("in it"), 0o644),
		os.Symlink("/lib/real", filepath.Join(root, "link"))); err != nil {
		t.Fatal(err)
	}
	if text, err := readIn(t.Context(), root, "/link"); err != nil || string(text) != "in it" {
		t.Errorf("%q %v", text, err)
	}
}
