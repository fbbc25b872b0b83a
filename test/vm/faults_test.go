// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"os/exec"
	"strconv"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vm/cuts"
	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// headSectors is the length of both heads, 512-byte sectors.
const headSectors = 2 * 16384 / 512

// twoKeys formats the disk with the passphrases one and two.
func (c cli) twoKeys(disk string) {
	c.t.Helper()
	for _, line := range cuts.Operations()[0].Before {
		c.line(line, disk)
	}
}

// overlay puts a mapping with a fault over the disk; what goes on below it stays when it goes.
func (c cli) overlay(name, table string) string {
	c.t.Helper()
	create := exec.Command("dmsetup", "create", name)
	create.Stdin = strings.NewReader(table)
	if out, err := create.CombinedOutput(); err != nil {
		c.t.Fatalf("dmsetup create %s: %v\n%s", name, err, out)
	}
	c.t.Cleanup(func() { _ = exec.Command("dmsetup", "remove", "--retry", name).Run() })
	c.run("dmsetup", "mknodes", name)
	return "/dev/mapper/" + name
}

func (c cli) sectors(disk string) int64 {
	c.t.Helper()
	n, err := strconv.ParseInt(strings.TrimSpace(c.run("blockdev", "--getsz", disk)), 10, 64)
	if err != nil {
		c.t.Fatal(err)
	}
	return n
}

// TestAFlakyDiskIsNoSuccess: a disk that drops every write in silence, and one that fails them. No change
// of a header succeeds on it, and the real cryptsetup then opens what it opened before.
func TestAFlakyDiskIsNoSuccess(t *testing.T) {
	for _, feature := range []string{"drop_writes", "error_writes"} {
		t.Run(feature, func(t *testing.T) {
			operations := faultsToTry(t)
			machine.Inside(t, func(t *testing.T) { flaky(newCLI(t), feature, operations) })
		})
	}
}

func flaky(c cli, feature string, operations []cuts.Operation) {
	machine.LoadModule(c.t, "dm-flakey")
	disk := machine.DiskPath(c.t, "a")
	table := fmt.Sprintf("0 %d flakey %s 0 0 60 1 %s\n", c.sectors(disk), disk, feature)
	for _, op := range operations {
		for _, line := range op.Before {
			c.line(line, disk)
		}
		before := c.read(disk, cuts.Room)
		args := c.filled(op.Run, c.overlay("flaky", table))
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err == nil {
			c.t.Errorf("%s: success on a disk with %s", op.Name, feature)
		}
		if !bytes.Contains(out, []byte("flaky")) && !bytes.Contains(out, []byte("header")) && !bytes.Contains(out, []byte("eyslot")) {
			c.t.Errorf("%s: the error names neither the device nor what failed: %s", op.Name, out)
		}
		c.run("dmsetup", "remove", "--retry", "flaky")
		after := c.read(disk, cuts.Room)
		if !bytes.Equal(after, before) {
			c.t.Errorf("%s: a write reached the disk", op.Name)
		}
		c.judge(op.Name+" on a disk with "+feature, after, op.Holds)
	}
}

// faultsToTry are all operations in the long run; package uml tries more of them otherwise.
func faultsToTry(t *testing.T) []cuts.Operation {
	t.Helper()
	return part.Of(t, "operations", cuts.Operations(), cuts.Operations()[1:2])
}

// TestABadSectorInTheHeadsStopsNothing: the volume opens and maps, and every key is there; where the
// sector is cured, a changing verb mends the copy, and the real cryptsetup opens the result.
func TestABadSectorInTheHeadsStopsNothing(t *testing.T) {
	sectors := badSectorsToTry(t)
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		disk := machine.DiskPath(t, "a")
		c.twoKeys(disk)
		whole := c.read(disk, cuts.Room)
		size := c.sectors(disk)
		for _, sector := range sectors {
			c.withBadSector(disk, size, sector)
			if t.Failed() {
				t.Fatalf("bad sector %d", sector)
			}
		}
		if !bytes.Equal(c.read(disk, cuts.Room), whole) {
			t.Error("opening wrote to the disk")
		}
		t.Logf("%d of %d positions of a bad sector: all open", len(sectors), headSectors)
	})
}

// badSectorsToTry are all positions in the long run, and otherwise the first of each head and one of
// each JSON area.
func badSectorsToTry(t *testing.T) []int64 {
	t.Helper()
	all := make([]int64, headSectors)
	for i := range all {
		all[i] = int64(i)
	}
	const second = headSectors / 2
	return part.Of(t, "positions of a bad sector", all, []int64{0, 8, second, second + 8})
}

func (c cli) withBadSector(disk string, size, bad int64) {
	c.t.Helper()
	var table strings.Builder
	if bad > 0 {
		fmt.Fprintf(&table, "0 %d linear %s 0\n", bad, disk)
	}
	fmt.Fprintf(&table, "%d 1 error\n%d %d linear %s %d\n", bad, bad+1, size-bad-1, disk, bad+1)
	dev := c.overlay("bad", table.String())
	if exec.Command("dd", "if="+dev, "of=/dev/null", "bs=512", fmt.Sprint("skip=", bad), "count=1", "iflag=direct").Run() == nil {
		c.t.Errorf("sector %d can be read", bad)
	}
	c.run("orthrus", "open", "--test-passphrase", "--key-file", c.keyOf("two"), dev)
	c.run("orthrus", "open", "--key-file", c.key, dev, "over-bad")
	c.run("dd", "if=/dev/mapper/over-bad", "of=/dev/null", "bs=4096", "count=1")
	c.run("orthrus", "close", "over-bad")
	c.exits(6, "orthrus", "check", dev)
	c.run("dmsetup", "remove", "--retry", "bad")
}
