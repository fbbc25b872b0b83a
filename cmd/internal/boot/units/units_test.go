// SPDX-License-Identifier: Apache-2.0

package units

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const table = `sealed UUID=1 none luks
da-ta /images/my\040disk.img /etc/keys/%a luks,nofail,header=/boot/"h"
stick /dev/sdb /key:LABEL=stick luks,_netdev,header=/h:UUID=2
by\040hand /dev/sdc /dev/urandom noauto,swap
`

func TestUnitsOfACrypttab(t *testing.T) {
	var paths []string
	text := map[string]string{}
	for _, f := range Make([]byte(table)) {
		paths = append(paths, f.Path)
		if f.Text != "" {
			text[f.Path] = f.Text
		}
	}
	want := []string{
		`cryptsetup.target.requires/orthrus@sealed.service`,
		`cryptsetup.target.wants/orthrus@da\x2dta.service`,
		`dev-mapper-by\x20hand.device.requires/orthrus@by\x20hand.service`,
		`dev-mapper-da\x2dta.device.requires/orthrus@da\x2dta.service`,
		`dev-mapper-sealed.device.requires/orthrus@sealed.service`,
		`dev-mapper-stick.device.requires/orthrus@stick.service`,
		`orthrus@by\x20hand.service.d/50-crypttab.conf`,
		`orthrus@da\x2dta.service.d/50-crypttab.conf`,
		`orthrus@sealed.service.d/50-crypttab.conf`,
		`orthrus@stick.service.d/50-crypttab.conf`,
		`remote-cryptsetup.target.requires/orthrus@stick.service`,
	}
	if slices.Sort(paths); !slices.Equal(paths, want) {
		t.Errorf("%q", paths)
	}
	for file, lines := range map[string][]string{
		`orthrus@sealed.service.d/50-crypttab.conf`:     {"Before=cryptsetup.target", "Before=blockdev@dev-mapper-sealed.target"},
		`orthrus@stick.service.d/50-crypttab.conf`:      {"Before=remote-cryptsetup.target"},
		`orthrus@by\x20hand.service.d/50-crypttab.conf`: {"Before=cryptsetup.target"},
		`orthrus@da\x2dta.service.d/50-crypttab.conf`: {
			`RequiresMountsFor="/images/my disk.img"`, `RequiresMountsFor="/etc/keys/%%a"`, `RequiresMountsFor="/boot/\"h\""`,
		},
	} {
		for _, line := range lines {
			if !strings.Contains(text[file], line+"\n") {
				t.Errorf("%s: no %s in\n%s", file, line, text[file])
			}
		}
		if mounts := strings.Count(text[file], "RequiresMountsFor"); mounts > 0 && len(lines) != mounts {
			t.Errorf("%s: %d mounts\n%s", file, mounts, text[file])
		}
	}
}

func TestNamesAreEscapedAsSystemdDoes(t *testing.T) {
	for name, want := range map[string]string{"a": "a", "da-ta": `da\x2dta`, ".x.y": `\x2ex.y`, "a b/ü": `a\x20b-\xc3\xbc`, "x_:9": "x_:9"} {
		if got := Escape(name); got != want {
			t.Errorf("%q: %s, want %s", name, got, want)
		}
		if real, err := exec.Command("systemd-escape", "--", name).Output(); err == nil && strings.TrimSpace(string(real)) != want {
			t.Errorf("%q: systemd-escape says %s", name, real)
		}
	}
}

func TestUnitsAreWritten(t *testing.T) {
	dir := t.TempDir()
	files := Make([]byte(table))
	if err := Write(dir, files); err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		path := filepath.Join(dir, f.Path)
		if to, err := os.Readlink(path); f.Text == "" && (err != nil || to != Template) {
			t.Errorf("%s leads to %s, %v", f.Path, to, err)
		}
		if text, err := os.ReadFile(path); f.Text != "" && (err != nil || string(text) != f.Text) {
			t.Errorf("%s: %v", f.Path, err)
		}
	}
}
