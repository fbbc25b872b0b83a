// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"errors"
	"strings"
	"testing"
	"time"
)

const volume = "8f3c2b1e-6d5a-4c7b-9e80-112233445566"

func TestDefaultObservesOnly(t *testing.T) {
	c, err := Parse([]byte("# nothing but words\n\n"))
	if err != nil {
		t.Fatal(err)
	}
	if c.Log != LogAuto || c.Level != "info" || c.Settle != 200*time.Millisecond || c.Workers != 2 {
		t.Errorf("%+v", c)
	}
	p := c.For(Subject{UUID: volume, Paths: []string{"/dev/sda"}, Transport: "sata"})
	if p != (Policy{Repair: RepairOff, Store: StoreHeads}) {
		t.Errorf("%+v", p)
	}
}

func TestEverySettingTakesItsDefaultAndHasOneTarget(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range Settings() {
		if seen[s.Name] || s.About == "" || s.Values.Form() == "" || s.Values.Means() == "" {
			t.Errorf("%s: twice, or without words", s.Name)
		}
		if s.Default != "" && !s.Values.fits(s.Default) {
			t.Errorf("%s: its default %q does not fit", s.Name, s.Default)
		}
		if (s.ofDevice == nil) == (s.ofGuard == nil) {
			t.Errorf("%s is of devices or of the guard", s.Name)
		}
		seen[s.Name] = true
	}
}

func TestLaterSectionsWin(t *testing.T) {
	c, err := Parse([]byte(`
repair = off
workers = 4
settle = 1s
images = /srv/*.img
[path /dev/disk/by-id/ata-*]
repair = proven
grow = yes
[transport usb]
ignore = yes
[uuid ` + strings.ToUpper(volume) + `]
store = full
grow = no
`))
	if err != nil {
		t.Fatal(err)
	}
	if c.Workers != 4 || c.Settle != time.Second || len(c.Images) != 1 {
		t.Errorf("%+v", c)
	}
	disk := []string{"/dev/sda", "/dev/disk/by-id/ata-X_1"}
	tests := []struct {
		name    string
		subject Subject
		want    Policy
	}{
		{"nobody's", Subject{Paths: []string{"/dev/sdb"}}, Policy{Repair: RepairOff, Store: StoreHeads}},
		{"by a link", Subject{Paths: disk}, Policy{Repair: RepairProven, Grow: true, Store: StoreHeads}},
		{"by link and uuid", Subject{UUID: volume, Paths: disk}, Policy{Repair: RepairProven, Store: StoreFull}},
		{"by transport", Subject{Transport: "usb"}, Policy{Repair: RepairOff, Store: StoreHeads, Ignore: true}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := c.For(test.subject); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}

func TestEveryWrongLineIsNamed(t *testing.T) {
	for text, want := range map[string]string{
		"repair":                   `line 1: "repair" is neither`,
		"\nrepair = always":        `line 2: repair is off, rehearse or proven, not "always"`,
		"grow = maybe":             `line 1: grow is yes or no`,
		"colour = red":             `line 1: unknown setting "colour"`,
		"[uuid":                    "line 1: a section ends",
		"[label x]\nrepair=proven": "line 1: a section begins",
		"[path]":                   "line 1: section path names nothing",
		"[path dev/sda]":           "line 1: \"dev/sda\" is no pattern",
		"[path /dev/[]":            "is no pattern",
		"[uuid zz]\nrepair=proven": "line 1: \"zz\" is no UUID",
		"[uuid x]\nworkers = 1":    "line 2: workers concerns the guard itself",
		"settle = 2m":              "line 1: settle is a time",
		"workers = 0":              "line 1: workers is a number",
		"metrics = m.prom":         "line 1: metrics is an absolute path",
		"images = *.img":           "line 1: images is a pattern",
		"store = x\nlevel = y":     "line 2: level is debug, info, warn or error",
	} {
		_, err := Parse([]byte(text))
		var line *LineError
		if !errors.Is(err, ErrConfig) || !errors.As(err, &line) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", text, err)
		}
	}
}

func TestABadSectionHeadConcernsNobody(t *testing.T) {
	c, err := Parse([]byte("[label x]\nrepair = proven\n"))
	if err == nil || c.For(Subject{UUID: volume}).Repair != RepairOff {
		t.Errorf("%v, %+v", err, c)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte("repair = proven\n[path /dev/*]\nstore = full\n"), "/dev/sda")
	f.Add([]byte("[uuid x]\n[transport usb]\nignore = yes"), "/x")
	f.Fuzz(func(t *testing.T, text []byte, path string) {
		c, err := Parse(text)
		if err != nil && !errors.Is(err, ErrConfig) {
			t.Error(err)
		}
		if err != nil {
			return
		}
		p := c.For(Subject{UUID: volume, Paths: []string{path}, Transport: "usb"})
		if p.Repair != RepairOff && p.Repair != RepairRehearse && p.Repair != RepairProven {
			t.Errorf("%+v", p)
		}
	})
}
