// SPDX-License-Identifier: Apache-2.0

package machine

import (
	"bytes"
	"io"
	"slices"
	"strings"
	"testing"
)

func TestFramesRoundTrip(t *testing.T) {
	var buf bytes.Buffer
	for _, payload := range []string{"", "x", strings.Repeat("y", maxFrame)} {
		if err := writeFrame(&buf, frameOutput, []byte(payload)); err != nil {
			t.Fatal(err)
		}
		kind, got, err := readFrame(&buf)
		if kind != frameOutput || string(got) != payload || err != nil {
			t.Errorf("%q, %d bytes, %v", kind, len(got), err)
		}
	}
	if _, _, err := readFrame(strings.NewReader("O\xff\xff\xff\xff")); err == nil {
		t.Error("a frame of 4 GiB was read")
	}
	if _, _, err := readFrame(strings.NewReader("O\x00\x00\x00\x05ab")); err != io.ErrUnexpectedEOF {
		t.Errorf("a cut frame: %v", err)
	}
}

func TestModuleInfoIsTakenFromItsFields(t *testing.T) {
	var m moduleInfo
	for _, field := range []string{"license=GPL", "depends=dm-mod,libcrc32c", "softdep=pre: sha256 crc32c-intel post: late", "alias=crypto-xts", "depends="} {
		m.take(field)
	}
	if want := []string{"dm_mod", "libcrc32c"}; !slices.Equal(m.Depends, want) {
		t.Errorf("depends %v", m.Depends)
	}
	if want := []string{"sha256", "crc32c_intel"}; !slices.Equal(m.Before, want) {
		t.Errorf("before %v", m.Before)
	}
	if want := []string{"crypto-xts"}; !slices.Equal(m.Aliases, want) {
		t.Errorf("aliases %v", m.Aliases)
	}
}

func TestModprobeFindsModulesByNameAndAlias(t *testing.T) {
	set := moduleSet{
		"dm_crypt":    {Name: "dm_crypt"},
		"aes_generic": {Name: "aes_generic", Aliases: []string{"crypto-aes"}},
		"aesni_intel": {Name: "aesni_intel", Aliases: []string{"crypto-aes", "cpu:type:x86,*"}},
	}
	tests := []struct {
		asked string
		want  []string
	}{
		{"dm-crypt", []string{"dm_crypt"}},
		{"crypto-aes", []string{"aes_generic", "aesni_intel"}},
		{"cpu:type:x86,ven0000", []string{"aesni_intel"}},
		{"fs-ext4", nil},
	}
	for _, test := range tests {
		if got := set.lookup(test.asked); !slices.Equal(got, test.want) {
			t.Errorf("%s: %v, want %v", test.asked, got, test.want)
		}
	}
}

func TestLibrariesAreReadFromLdd(t *testing.T) {
	const out = "\tlinux-vdso.so.1 (0x00007ffe)\n\tlibc.so.6 => /lib/x86_64-linux-gnu/libc.so.6 (0x00007f)\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f)\n"
	files, err := parseLdd(out)
	if want := []string{"/lib/x86_64-linux-gnu/libc.so.6", "/lib64/ld-linux-x86-64.so.2"}; err != nil || !slices.Equal(files, want) {
		t.Errorf("%v, %v", files, err)
	}
	if _, err := parseLdd("\tlibgone.so.1 => not found\n"); err == nil {
		t.Error("a missing library was no error")
	}
}

func TestPathsFollowTheMergedDirectories(t *testing.T) {
	for in, want := range map[string]string{
		"/bin/sh": "/usr/bin/sh", "/lib64/ld.so": "/usr/lib64/ld.so", "/usr/bin/sh": "/usr/bin/sh", "/library/x": "/library/x",
	} {
		if got := merged(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestDiskIsChecked(t *testing.T) {
	tests := []struct {
		name string
		disk Disk
	}{
		{"no name", Disk{Size: 512}},
		{"a name too long for a serial number", Disk{Name: strings.Repeat("x", 21), Size: 512}},
		{"no size", Disk{Name: "a"}},
		{"half a sector", Disk{Name: "a", Size: 4096 + 512, LogicalSector: 4096}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.disk.withDefaults().check() == nil {
				t.Error("accepted")
			}
		})
	}
}
