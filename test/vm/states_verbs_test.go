// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/dm"
	"github.com/orthrus-luks/orthrus/dm/target"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// state is what has become of the mapping "held".
type state struct {
	name                 string
	suspended, unplugged bool
	readonly             bool
	make                 string // a script
}

var states = []state{
	{name: "suspended", suspended: true, make: "orthrus luksSuspend held"},
	{name: "suspended, with its key", suspended: true, make: "dmsetup suspend held"},
	{name: "read-only", readonly: true},
	{name: "failed", make: `dmsetup table held | { read first length rest; echo "0 $length error"; } | dmsetup reload held && dmsetup resume held`},
	{name: "unplugged", unplugged: true},
	{name: "unplugged and suspended", suspended: true, unplugged: true, make: "orthrus luksSuspend held"},
}

// lookers are verbs that touch a mapping, or the volume under it, and leave the mapping as it is, whatever they say.
// TestNothingIsLoadedOverASuspendedMapping and its neighbours have those that would change it.
var lookers = []string{
	"status held", "fix DEV", "check DEV", "open KEY DEV held", "open KEY DEV other", "open KEY /dev/mapper/held above",
	"boot --main-system --crypttab TAB --device-timeout 3 held", "boot --main-system --crypttab TAB --device-timeout 3 again",
	"boot --main-system --crypttab TAB --device-timeout 3 above", "guard --once DEV", "guard --once /dev/mapper/held",
	"repair -q DEV", "repair -q --from-far DEV", "far enable KEY DEV", "far sync KEY DEV", "far disable KEY DEV",
	"header resize --luks2-metadata-size 32k DEV", "luksFormat -q KEY DEV", "convert -q --type luks1 DEV",
	"luksAddKey -q KEY COSTS DEV TAB", "reencrypt --resume-only KEY DEV", "reencrypt --resume-only KEY /dev/mapper/held",
	"shrink --dry-run --device-size 20m KEY DEV",
}

// heldState is all of "held" that no verb may change: whether it is suspended, its key, its length.
func heldState(t *testing.T, control *dm.Control) (suspended bool, table string) {
	t.Helper()
	lines, info, err := control.Table("held", dm.Active)
	if err != nil {
		t.Fatal(err)
	}
	defer lines.Close()
	for _, line := range lines {
		start, length := line.Span()
		table += fmt.Sprintf("%d %d %s", start, length, line.Type())
		if c, ok := line.(*target.Crypt); ok {
			table += fmt.Sprintf(" %s %x %d %s", c.Cipher, c.Key.Raw.Bytes(), c.Offset, c.Device)
		}
	}
	return info.Suspended, table
}

// TestEveryVerbInEveryStateOfAMapping: none hangs, none changes whether a mapping is suspended, and the key in the
// kernel stays the one that was there. In the end it can be closed.
func TestEveryVerbInEveryStateOfAMapping(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		control, err := dm.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer control.Close()
		for _, s := range states {
			t.Run(s.name, func(t *testing.T) { s.tryAll(t, control) })
		}
	})
}

func (s state) tryAll(t *testing.T, control *dm.Control) {
	c := newCLI(t)
	dev := machine.Plug(t, machine.Disk{Name: "state", Size: 32 << 20})
	there := true
	t.Cleanup(func() {
		if t.Failed() {
			c.ended("dmsetup", "remove", "--force", "held")
		}
		if there {
			machine.Unplug(t, "state")
		}
	})
	c.run("orthrus", append(append([]string{"luksFormat", "-q", "--key-file", c.key, "--luks2-keyslots-size", "1m", "--no-far-header"}, cheapKeyslot...), dev)...)
	open := []string{"open", "--disable-keyring", "--key-file", c.key, dev, "held"}
	if s.readonly {
		open = append(open, "--readonly")
	}
	c.run("orthrus", open...)
	data := c.run("sha256sum", "/dev/mapper/held")
	if s.make != "" {
		c.run("sh", "-c", s.make)
	}
	if s.unplugged {
		machine.Unplug(t, "state")
		there = false
	}
	tab := filepath.Join(t.TempDir(), "crypttab")
	text := strings.NewReplacer("DEV", dev, "KEY", c.key).Replace("held DEV KEY luks\nagain DEV KEY luks\nabove /dev/mapper/held KEY luks,nofail\n")
	if err := os.WriteFile(tab, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	words := strings.NewReplacer("DEV", dev, "TAB", tab, "KEY", "--key-file "+c.key, "COSTS", strings.Join(cheapKeyslot, " "))
	_, was := heldState(t, control)
	for _, line := range slices.Concat(lookers, []string{"erase -q DEV"}) {
		if line == "erase -q DEV" && s.suspended && !s.unplugged {
			s.resumed(c, data)
		}
		code, out := c.ended("orthrus", strings.Fields(words.Replace(line))...)
		t.Logf("%s: exit %d %.200q", line, code, out)
		if code > 7 || strings.Contains(out, "goroutine") {
			t.Errorf("%s: exit %d\n%s", line, code, out)
		}
		if suspended, is := heldState(t, control); suspended != s.suspended || is != was {
			t.Fatalf("%s: suspended %v, table %s, was %s\n%s", line, suspended, is, was, out)
		}
	}
	for _, name := range []string{"above", "again", "other"} { // a read-only one may be opened twice
		c.ended("orthrus", "close", name)
	}
	if code, out := c.ended("orthrus", "close", "held"); code != 0 {
		t.Errorf("close: exit %d\n%s", code, out)
	}
}

// resumed reads the data once more, and suspends again.
func (s state) resumed(c cli, data string) {
	c.t.Helper()
	if strings.HasPrefix(s.make, "orthrus") {
		c.run("orthrus", "luksResume", "--key-file", c.key, "held")
	} else {
		c.run("dmsetup", "resume", "held")
	}
	c.run("sh", "-c", "echo 3 >/proc/sys/vm/drop_caches")
	if got := c.run("sha256sum", "/dev/mapper/held"); got != data {
		c.t.Error("the data changed")
	}
	c.run("sh", "-c", s.make)
}
