// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/dm"
	mapping "github.com/orthrus-luks/orthrus/luks/activate"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// ended runs a program that must not hang, and gives its exit code and output.
func (c cli) ended(program string, args ...string) (int, string) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil || cmd.ProcessState == nil {
		c.t.Fatalf("%s %s hangs: %v\n%s", program, strings.Join(args, " "), err, out)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// changing are the verbs that would give a mapping another table; dev is what it is mapped from.
func (c cli) changing(dev, name string) [][]string {
	key := []string{"--key-file", c.key}
	var all [][]string
	for _, verb := range [][]string{
		{"resize", name},
		{"resize", "--size", "2048", name},
		{"resize", "--device-size", "1m", "/dev/mapper/" + name},
		{"refresh", name},
		{"refresh", "--allow-discards", "--persistent", name},
		{"open", "--refresh", "--allow-discards", dev, name},
	} {
		all = append(all, append(verb, key...), verb) // the second reads an empty standard input
	}
	return all
}

// sizing are those that go by the volume.
func (c cli) sizing(dev, name string) [][]string {
	key := []string{"--key-file", c.key}
	var all [][]string
	for _, verb := range [][]string{
		{"grow", name},
		{"grow", dev},
		{"grow", "/dev/mapper/" + name},
		{"shrink", "--device-size", "20m", name},
		{"shrink", "--device-size", "20m", dev},
		{"shrink", "--device-size", "20m", "/dev/mapper/" + name},
		{"far", "enable", "--shrink-data", dev},
	} {
		all = append(all, append(verb, key...))
	}
	return all
}

func isSuspended(c cli, name string) bool {
	c.t.Helper()
	return strings.Contains(c.run("dmsetup", "info", name), "SUSPENDED")
}

// TestNothingIsLoadedOverASuspendedMapping: of each kind of volume, mapped and suspended, by every verb that
// would change the mapping. The key that the kernel shows then is zeros.
func TestNothingIsLoadedOverASuspendedMapping(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for _, kind := range [][]string{{"--type", "luks1"}, {"--type", "luks2"}} {
			t.Run(kind[1], func(t *testing.T) {
				c := newCLI(t)
				dev := c.mapping("a", "held", kind...)
				c.run("sh", "-c", "head -c 65536 /dev/urandom >/dev/mapper/held; sync")
				was, table := c.run("sha256sum", "/dev/mapper/held"), c.table("held")
				c.run("orthrus", "resize", "--size", "30000", "--key-file", c.key, "held") // so that grow has something to do
				short := c.table("held")
				c.run("orthrus", "luksSuspend", "held")
				frozen := c.table("held")
				for _, args := range append(c.changing(dev, "held"), c.sizing(dev, "held")...) {
					code, out := c.ended("orthrus", args...)
					says := "Device held is not active."
					if args[0] == "far" && kind[1] == "luks1" {
						says = "it is LUKS1" // whatever its mapping does
					}
					if code != 1 || !strings.Contains(out, says) {
						t.Errorf("%s: exit %d\n%s", strings.Join(args, " "), code, out)
					}
					if !isSuspended(c, "held") || c.table("held") != frozen {
						t.Fatalf("%s: suspended %v, table %s", strings.Join(args, " "), isSuspended(c, "held"), c.table("held"))
					}
				}
				for verb, want := range map[string]int{"status held": 0, "luksSuspend held": 1, "open --key-file " + c.key + " " + dev + " held": 5} {
					if code, out := c.ended("orthrus", strings.Fields(verb)...); code != want {
						t.Errorf("%s: exit %d, want %d\n%s", verb, code, want, out)
					}
				}
				c.run("orthrus", "guard", "--once", dev)
				c.run("orthrus", "luksResume", "--key-file", c.key, "held")
				if got := c.table("held"); got != short {
					t.Errorf("table after it was resumed: %s, was %s", got, short)
				}
				c.run("orthrus", "resize", "--key-file", c.key, "held")
				if got := c.table("held"); got != table {
					t.Errorf("table of its whole length: %s, was %s", got, table)
				}
				c.run("sh", "-c", "echo 3 >/proc/sys/vm/drop_caches")
				if got := c.run("sha256sum", "/dev/mapper/held"); got != was {
					t.Error("the data changed")
				}
			})
		}
	})
}

// TestASuspendedPlainMappingIsLeftAlone: it has no digest, so that being suspended is all there is to go by.
func TestASuspendedPlainMappingIsLeftAlone(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dev := machine.DiskPath(t, "a")
		c.run("sh", "-c", "echo secret | orthrus open -q --type plain "+dev+" bare")
		t.Cleanup(func() { _ = exec.Command("sh", "-c", "dmsetup resume bare; orthrus close bare").Run() })
		table := c.run("dmsetup", "table", "--showkeys", "bare")
		c.run("dmsetup", "suspend", "bare")
		c.run("dmsetup", "message", "bare", "0", "key", "wipe")
		for _, args := range [][]string{{"resize", "bare"}, {"resize", "--size", "2048", "bare"}, {"refresh", "bare"}} {
			if code, out := c.ended("orthrus", args...); code != 1 || !strings.Contains(out, "Device bare is not active.") || !isSuspended(c, "bare") {
				t.Errorf("%v: exit %d\n%s", args, code, out)
			}
		}
		c.run("dmsetup", "message", "bare", "0", "key", "set", strings.Fields(table)[4])
		c.run("dmsetup", "resume", "bare")
		c.run("orthrus", "resize", "--size", "2048", "bare")
		if got := c.run("dmsetup", "table", "--showkeys", "bare"); strings.Fields(got)[4] != strings.Fields(table)[4] {
			t.Error("another key was loaded")
		}
	})
}

// TestAKeyThatTheDigestDoesNotKnowIsNotLoaded: the table of a running mapping was exchanged for one of zeros.
func TestAKeyThatTheDigestDoesNotKnowIsNotLoaded(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dev := c.mapping("a", "zeros", "--type", "luks1")
		fields := strings.Fields(c.run("dmsetup", "table", "--showkeys", "zeros"))
		fields[4] = strings.Repeat("0", len(fields[4]))
		c.run("sh", "-c", "echo '"+strings.Join(fields, " ")+"' | dmsetup reload zeros; dmsetup resume zeros")
		table := c.table("zeros")
		for _, args := range append(c.changing(dev, "zeros"), []string{"grow", dev}) {
			code, out := c.ended("orthrus", args...)
			if args[0] == "grow" {
				continue // has nothing to do
			}
			if code != 1 || !strings.Contains(out, "not the volume's") || c.table("zeros") != table {
				t.Errorf("%v: exit %d\n%s", args, code, out)
			}
		}
	})
}

// TestTheOldTableRunsOnWhereTheKernelRefusesTheNew: a length that the blocks below do not divide is found only
// when the table is put in, and the kernel leaves the device suspended then.
func TestTheOldTableRunsOnWhereTheKernelRefusesTheNew(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		machine.LoadModule(t, "loop")
		c := newCLI(t)
		image := filepath.Join(t.TempDir(), "image")
		c.run("truncate", "-s", "24m", image)
		loop := strings.TrimSpace(c.run("losetup", "-b", "4096", "-f", "--show", image))
		t.Cleanup(func() { _ = exec.Command("losetup", "-d", loop).Run() })
		c.run("orthrus", append(append([]string{"luksFormat", "-q", "--key-file", c.key, "--type", "luks1"}, cheapKeyslot...), loop)...)
		c.run("orthrus", "open", "--key-file", c.key, loop, "blocks")
		t.Cleanup(func() { _ = exec.Command("orthrus", "close", "blocks").Run() })
		table := c.table("blocks")
		if code, out := c.ended("orthrus", "resize", "-b", "7", "blocks"); code != 1 || isSuspended(c, "blocks") || c.table("blocks") != table {
			t.Errorf("exit %d, suspended %v\n%s", code, isSuspended(c, "blocks"), out)
		}
		control, err := dm.Open()
		if err != nil {
			t.Fatal(err)
		}
		defer control.Close()
		anyKey := func([]byte) (bool, error) { return true, nil }
		if err := mapping.Lengthen(t.Context(), control, "blocks", 7, anyKey); err == nil {
			t.Error("the kernel took a table of 7 sectors")
		}
		if isSuspended(c, "blocks") || c.table("blocks") != table {
			t.Errorf("suspended %v, table %s", isSuspended(c, "blocks"), c.table("blocks"))
		}
		c.run("dd", "if=/dev/mapper/blocks", "of=/dev/null", "bs=4096", "count=1", "status=none")
	})
}

// TestFailedAndReadOnlyMappings: a table of errors is nothing to change, and what is read-only stays so.
func TestFailedAndReadOnlyMappings(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		dev := c.mapping("a", "failed")
		sectors := strings.Fields(c.table("failed"))[1]
		c.run("sh", "-c", "echo 0 "+sectors+" error | dmsetup reload failed; dmsetup resume failed")
		failed := c.table("failed")
		for _, args := range append(c.changing(dev, "failed"), []string{"luksSuspend", "failed"}, []string{"luksResume", "failed"}) {
			if code, out := c.ended("orthrus", args...); code == 0 || c.table("failed") != failed || isSuspended(c, "failed") {
				t.Errorf("%v: exit %d, %s\n%s", args, code, c.table("failed"), out)
			}
		}
		c.run("orthrus", "status", "failed")
		c.run("orthrus", "close", "failed")

		c.run("orthrus", "open", "--readonly", "--key-file", c.key, dev, "still")
		t.Cleanup(func() { _ = exec.Command("orthrus", "close", "still").Run() })
		for _, args := range [][]string{
			{"resize", "--size", "2048", "--key-file", c.key, "still"},
			{"resize", "--key-file", c.key, "still"},
			{"refresh", "--key-file", c.key, "still"},
			{"luksSuspend", "still"},
			{"luksResume", "--key-file", c.key, "still"},
		} {
			c.run("orthrus", args...)
			mode := "mode:    readonly\n"
			if args[0] == "luksSuspend" {
				mode = "mode:    readonly (suspended)\n"
			}
			if got := c.run("orthrus", "status", "still"); !strings.Contains(got, mode) {
				t.Errorf("after %v: %s", args, got)
			}
		}
	})
}

// TestAnUnpluggedMappingHangsNothing: the disk goes away from under it.
func TestAnUnpluggedMappingHangsNothing(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for _, suspended := range []bool{false, true} {
			t.Run("suspended "+strconv.FormatBool(suspended), func(t *testing.T) {
				c := newCLI(t)
				dev := machine.Plug(t, machine.Disk{Name: "gone", Size: 32 << 20})
				c.run("orthrus", append(append([]string{"luksFormat", "-q", "--key-file", c.key, "--no-far-header"}, cheapKeyslot...), dev)...)
				c.run("orthrus", "open", "--key-file", c.key, dev, "orphan")
				if suspended {
					c.run("orthrus", "luksSuspend", "orphan")
				}
				machine.Unplug(t, "gone")
				for _, args := range append(append(c.changing(dev, "orphan"), c.sizing(dev, "orphan")...), []string{"luksResume", "--key-file", c.key, "orphan"}) {
					if code, out := c.ended("orthrus", args...); code == 0 || strings.Contains(out, "panic") {
						t.Errorf("%v: exit %d\n%s", args, code, out)
					}
					if isSuspended(c, "orphan") != suspended {
						t.Fatalf("%v: suspended %v", args, !suspended)
					}
				}
				c.ended("orthrus", "status", "orphan")
				if code, out := c.ended("orthrus", "close", "orphan"); code != 0 {
					t.Errorf("close: exit %d\n%s", code, out)
				}
				if _, err := os.Stat("/dev/mapper/orphan"); err == nil {
					t.Error("it is still there")
				}
			})
		}
	})
}
