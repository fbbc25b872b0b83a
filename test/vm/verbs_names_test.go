// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

func TestMappingsAreNamedByNameAndByPath(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dev := c.mapping("a", "named")
		node, err := filepath.EvalSymlinks("/dev/mapper/named")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"named", "/dev/mapper/named", node} {
			if got := c.run("orthrus", "status", name); !strings.Contains(got, " is active") || !strings.Contains(got, "type:    LUKS2") {
				t.Errorf("%s: %s", name, got)
			}
		}
		if got := c.exits(5, "orthrus", "open", "--key-file", c.key, dev, "named"); got != "Device named already exists.\n" {
			t.Errorf("opened twice: %s", got)
		}
		for _, line := range [][]string{{"close", "nobody"}, {"resize", "nobody"}, {"luksSuspend", "/dev/mapper/nobody"}, {"refresh", "nobody"}} {
			if got := c.exits(4, "orthrus", line...); got != "Device "+line[1]+" is not active.\n" {
				t.Errorf("%q: %s", line, got)
			}
		}
		if got := c.exits(4, "orthrus", "status", "/dev/mapper/nobody"); got != "/dev/mapper/nobody is inactive.\n" {
			t.Errorf("status: %s", got)
		}
		if got := c.exits(1, "orthrus", "open", "--key-file", c.key, dev, "a/b"); got != "Name must not contain '/' character.\n" {
			t.Errorf("name with a slash: %s", got)
		}
		c.run("orthrus", "close", "/dev/mapper/named")
		c.exits(4, "orthrus", "status", "named")
	})
}

func TestVolumeKeyIsLinkedAndOpensAgain(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dev := c.mapping("a", "linked")
		c.run("orthrus", "close", "linked")
		c.run("orthrus", "open", "--key-file", c.key, "--link-vk-to-keyring", "@u::%user:orthrus-test:vk", dev, "linked")
		c.run("orthrus", "luksSuspend", "linked")
		c.run("orthrus", "luksResume", "--volume-key-keyring", "%user:orthrus-test:vk", "linked")
		c.run("orthrus", "close", "linked")
		c.run("orthrus", "open", "--volume-key-keyring", "%user:orthrus-test:vk", dev, "linked")
		c.run("orthrus", "close", "linked")
		wrong := filepath.Join(t.TempDir(), "wrong")
		if err := os.WriteFile(wrong, []byte("two"), 0o600); err != nil {
			t.Fatal(err)
		}
		c.exits(2, "orthrus", "open", "--key-file", wrong, "--link-vk-to-keyring", "@u::none", dev, "linked")
		c.exits(1, "orthrus", "open", "--volume-key-keyring", "none", dev, "linked")
	})
}
