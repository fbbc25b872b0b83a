// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// cheapKeyslot keeps key derivation out of the way.
var cheapKeyslot = []string{"--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"}

// cli runs programs in the guest; a key file of the passphrase "one" is at hand.
type cli struct {
	t   *testing.T
	key string
}

func newCLI(t *testing.T) cli {
	t.Helper()
	key := filepath.Join(t.TempDir(), "one")
	if err := os.WriteFile(key, []byte("one"), 0o600); err != nil {
		t.Fatal(err)
	}
	return cli{t, key}
}

// exits runs a program and returns its output, both streams, after checking the exit code.
func (c cli) exits(code int, program string, args ...string) string {
	c.t.Helper()
	var out bytes.Buffer
	cmd := exec.Command(program, args...)
	cmd.Stdout, cmd.Stderr = &out, &out
	err := cmd.Run()
	if got := cmd.ProcessState.ExitCode(); got != code {
		c.t.Fatalf("%s %s: exit code %d, want %d (%v)\n%s", program, strings.Join(args, " "), got, code, err, out.Bytes())
	}
	return out.String()
}

func (c cli) run(program string, args ...string) string {
	c.t.Helper()
	return c.exits(0, program, args...)
}

// mapping formats the disk, opens it as name and leaves nothing behind.
func (c cli) mapping(disk, name string, format ...string) string {
	c.t.Helper()
	dev := machine.DiskPath(c.t, disk)
	args := append([]string{"luksFormat", "-q", "--key-file", c.key, "--no-far-header"}, cheapKeyslot...)
	if !slices.Contains(format, "luks1") {
		args = append(args, "--luks2-keyslots-size", "1m")
	}
	c.run("orthrus", append(append(args, format...), dev)...)
	c.run("orthrus", "open", "--key-file", c.key, dev, name)
	c.t.Cleanup(func() { _ = exec.Command("orthrus", "close", name).Run() })
	return dev
}

func (c cli) table(name string) string { c.t.Helper(); return c.run("dmsetup", "table", name) }

func TestResizeShrinksAndGrowsTheMapping(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		c.mapping("a", "sized")
		whole := c.table("sized")
		c.run("orthrus", "resize", "--size", "2048", "--key-file", c.key, "sized")
		if got := c.table("sized"); !strings.HasPrefix(got, "0 2048 crypt ") {
			t.Errorf("after shrinking: %s", got)
		}
		c.run("orthrus", "resize", "--key-file", c.key, "sized")
		if got := c.table("sized"); got != whole {
			t.Errorf("after growing: %s, was %s", got, whole)
		}
		c.exits(2, "sh", "-c", "echo wrong | orthrus resize --size 4096 sized")
		if got := c.table("sized"); got != whole {
			t.Errorf("a wrong passphrase changed the table: %s", got)
		}
		c.exits(1, "orthrus", "resize", "--size", "1000000000", "--key-file", c.key, "sized")
		c.exits(4, "orthrus", "resize", "nobody")
	})
}

func TestRefreshChangesFlags(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dev := c.mapping("a", "flagged")
		c.run("orthrus", "refresh", "--allow-discards", "--perf-no_read_workqueue", "--persistent", "--key-file", c.key, "flagged")
		if got := c.table("flagged"); !strings.Contains(got, " 2 allow_discards no_read_workqueue") {
			t.Errorf("table: %s", got)
		}
		if got := c.run("orthrus", "status", "flagged"); !strings.Contains(got, "flags:   discards no_read_workqueue") {
			t.Errorf("status: %s", got)
		}
		if got := c.run("cryptsetup", "luksDump", dev); !strings.Contains(got, "allow-discards no-read-workqueue") {
			t.Errorf("persistent flags: %s", got)
		}
	})
}

// TestRefreshTakesTheKeyOutOfTheKeyring: as the other does, which also puts it back.
func TestRefreshTakesTheKeyOutOfTheKeyring(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		c.mapping("a", "ringed")
		for _, program := range []string{"orthrus", "cryptsetup"} {
			for i, want := range []string{"keyring\n", "dm-crypt\n"} {
				args := []string{"refresh", "--key-file", c.key, "ringed"}
				if i == 1 {
					args = append(args, "--disable-keyring")
				}
				c.run(program, args...)
				ring := strings.Contains(c.table("ringed"), ":logon:cryptsetup:")
				if got := c.run("orthrus", "status", "ringed"); !strings.Contains(got, "key location: "+want) || ring == (i == 1) {
					t.Errorf("%s %v: key in the keyring %v\n%s", program, args, ring, got)
				}
			}
		}
	})
}

func TestSuspendTakesTheKeyAndResumeGivesItBack(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for _, kind := range []string{"luks1", "luks2"} {
			t.Run(kind, func(t *testing.T) {
				c := newCLI(t)
				args := []string{"--type", kind}
				dev := machine.DiskPath(t, "a")
				format := append([]string{"luksFormat", "-q", "--key-file", c.key}, cheapKeyslot...)
				c.run("orthrus", append(append(format, args...), dev)...)
				c.run("orthrus", "open", "--key-file", c.key, dev, "frozen")
				t.Cleanup(func() { _ = exec.Command("orthrus", "close", "frozen").Run() })
				c.run("sh", "-c", "echo here >/dev/mapper/frozen")
				c.run("orthrus", "luksSuspend", "frozen")
				if got := c.run("orthrus", "status", "frozen"); !strings.Contains(got, "mode:    read/write (suspended)") {
					t.Errorf("status: %s", got)
				}
				if fields := strings.Fields(c.run("dmsetup", "table", "--showkeys", "frozen")); strings.Trim(fields[4], "0") != "" {
					t.Errorf("the key is still in the kernel: %s", fields[4])
				}
				c.exits(2, "sh", "-c", "echo wrong | orthrus luksResume frozen")
				c.exits(1, "orthrus", "luksSuspend", "frozen")
				c.run("orthrus", "luksResume", "--key-file", c.key, "frozen")
				if got := c.run("dd", "if=/dev/mapper/frozen", "bs=4", "count=1", "status=none"); !strings.HasPrefix(got, "here") {
					t.Errorf("data after resume: %q", got)
				}
				c.exits(1, "orthrus", "luksResume", "--key-file", c.key, "frozen")
				c.run("cryptsetup", "luksSuspend", "frozen")
				c.run("orthrus", "luksResume", "--key-file", c.key, "frozen")
				c.run("orthrus", "luksSuspend", "frozen")
				c.run("cryptsetup", "luksResume", "--key-file", c.key, "frozen")
			})
		}
	})
}

func TestAKeyringTokenOpensWithoutAPassphrase(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dev := machine.DiskPath(t, "a")
		c.run("orthrus", append([]string{"luksFormat", "-q", "--key-file", c.key}, append(cheapKeyslot, dev)...)...)
		c.run("orthrus", "token", "add", "--key-description", "my:passphrase", "--key-slot", "0", dev)
		c.exits(2, "orthrus", "open", "--token-only", dev, "token")
		ring, err := addUserKey("my:passphrase", "one")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(ring)
		c.run("orthrus", "open", "--token-only", dev, "token")
		c.run("orthrus", "close", "token")
		c.run("cryptsetup", "open", "--token-only", dev, "token")
		c.run("orthrus", "close", "token")
	})
}

func TestPlainMappingsAreThoseOfCryptsetup(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dev := machine.DiskPath(t, "b")
		for i, options := range [][]string{
			{"--cipher", "aes-xts-plain64", "--key-size", "256", "--hash", "sha256"},
			{"--cipher", "aes-cbc-essiv:sha256", "--key-size", "256", "--hash", "ripemd160"},
			{"--cipher", "aes-xts-plain64", "--key-size", "512", "--hash", "sha256", "--offset", "8", "--skip", "16", "--size", "4096"},
			{"--cipher", "aes-xts-plain64", "--key-size", "512", "--hash", "plain"},
		} {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				tables := map[string]string{}
				for _, program := range []string{"orthrus", "cryptsetup"} {
					args := append([]string{"open", "--type", "plain", "-q"}, options...)
					command := "printf secret | " + program + " " + strings.Join(append(args, dev, "flat"), " ")
					c.run("sh", "-c", command)
					tables[program] = c.run("dmsetup", "table", "--showkeys", "flat") + c.run("dmsetup", "info", "-c", "--noheadings", "-o", "uuid", "flat")
					c.run(program, "close", "flat")
				}
				if tables["orthrus"] != tables["cryptsetup"] {
					t.Errorf("orthrus    %s\ncryptsetup %s", tables["orthrus"], tables["cryptsetup"])
				}
			})
		}
	})
}
