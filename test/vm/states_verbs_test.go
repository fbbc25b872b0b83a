// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// state is what has become of a mapping.
type state struct {
	name                string
	suspended, unplugged bool
	open                []string // options
	make                string   // a script
}

var states = []state{
	{name: "running"},
	{name: "suspended", suspended: true, make: "orthrus luksSuspend held"},
	{name: "suspended, with its key", suspended: true, make: "dmsetup suspend held"},
	{name: "read-only", open: []string{"--readonly"}},
	{name: "failed", make: `echo "0 $(dmsetup table held | cut -d' ' -f2) error" | dmsetup reload held && dmsetup resume held`},
	{name: "unplugged", unplugged: true},
	{name: "unplugged and suspended", suspended: true, unplugged: true, make: "orthrus luksSuspend held"},
}

// lookers are verbs that touch a mapping, or the volume under it, and leave the mapping as it is, whatever they say.
// Those that end the volume or the mapping come last, apart.
func (c cli) lookers(dev, crypttab string) [][]string {
	var all [][]string
	for _, line := range []string{
		"status held", "status --json held", "list", "list DEV", "fix DEV", "check DEV", "luksDump DEV", "isLuks DEV",
		"open KEY DEV held", "open KEY DEV other", "open --test-passphrase KEY DEV", "open KEY /dev/mapper/held above",
		"boot --main-system --crypttab TAB --device-timeout 5 held", "boot --main-system --crypttab TAB --device-timeout 5 again",
		"boot --dry-run --crypttab TAB held",
		"guard --once DEV", "guard --once /dev/mapper/held",
		"repair -q DEV", "repair -q /dev/mapper/held", "far enable KEY DEV", "far enable KEY /dev/mapper/held", "far status DEV", "far sync KEY DEV",
		"far disable KEY DEV", "header resize --luks2-metadata-size 32k DEV",
		"luksFormat -q KEY DEV", "convert -q --type luks1 DEV", "luksUUID DEV", "config --label L DEV",
		"luksAddKey -q KEY COSTS DEV TWO", "luksRemoveKey -q DEV TWO",
		"reencrypt --resume-only KEY DEV", "reencrypt --resume-only KEY /dev/mapper/held",
		"resize --device-size 1g KEY held", "resize --size 0 KEY --readonly held",
		"luksSuspend other", "luksResume KEY other", "close other", "verity status held", "integrity status held",
	} {
		line = strings.NewReplacer("DEV", dev, "TAB", crypttab, "KEY", "--key-file "+c.key, "COSTS", strings.Join(cheapKeyslot, " "), "TWO", crypttab).Replace(line)
		all = append(all, words(line))
	}
	return all
}

// TestEveryVerbInEveryStateOfAMapping: none hangs, none changes whether a mapping is suspended, and the key in the
// kernel is the one that was there.
func TestEveryVerbInEveryStateOfAMapping(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		runs := 0
		for _, s := range states {
			t.Run(s.name, func(t *testing.T) {
				c := newCLI(t)
				dev := machine.Plug(t, machine.Disk{Name: "state", Size: 32 << 20})
				if !s.unplugged {
					t.Cleanup(func() { machine.Unplug(t, "state") })
				}
				t.Cleanup(func() { c.ended("dmsetup", "remove", "--force", "--retry", "held") })
				c.run("orthrus", append(append([]string{"luksFormat", "-q", "--key-file", c.key, "--luks2-keyslots-size", "1m", "--no-far-header"}, cheapKeyslot...), dev)...)
				open := append([]string{"open", "--disable-keyring", "--key-file", c.key, dev, "held"}, s.open...)
				c.run("orthrus", open...)
				key := func() string { return words(c.run("dmsetup", "table", "--showkeys", "held"))[3] }
				digest := func() string { return c.run("sha256sum", "/dev/mapper/held") }
				_ = digest
				if s.make != "" {
					c.run("sh", "-c", s.make)
				}
				if s.unplugged {
					machine.Unplug(t, "state")
				}
				crypttab := filepath.Join(t.TempDir(), "crypttab")
				if err := os.WriteFile(crypttab, []byte(fmt.Sprintf("held %s %s luks\nagain %s %s luks\n", dev, c.key, dev, c.key)), 0o600); err != nil {
					t.Fatal(err)
				}
				_ = key
				for _, args := range c.lookers(dev, crypttab) {
					was := c.run("dmsetup", "table", "--showkeys", "held")
					code, out := c.ended("orthrus", args...)
					runs++
					t.Logf("%s: exit %d %.150q", strings.Join(args, " "), code, out)
					if strings.Contains(out, "panic") || strings.Contains(out, "goroutine") || code > 7 {
						t.Errorf("%v: exit %d\n%s", args, code, out)
					}
					if is := c.run("dmsetup", "table", "--showkeys", "held"); is != was {
						t.Errorf("%v: table %s, was %s", args, is, was)
					}
					if isSuspended(c, "held") != s.suspended {
						t.Fatalf("%v: suspended %v", args, !s.suspended)
					}
				}
			})
		}
		t.Logf("%d runs", runs)
	})
}
