// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// headSectors is the length of both heads, 512-byte sectors.
const headSectors = 2 * 16384 / 512

// twoKeys formats the disk with the passphrases one and two.
func (c cli) twoKeys(disk string) {
	c.t.Helper()
	format := append([]string{"luksFormat", "-q", "--luks2-keyslots-size", "1m", "--key-file", c.key}, cheapKeyslot...)
	c.run("orthrus", append(format, disk)...)
	add := append([]string{"luksAddKey", "-q", "--key-file", c.key}, cheapKeyslot...)
	c.run("orthrus", append(add, disk, c.keyOf("two"))...)
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

// filled puts device and files into the arguments of an operation.
func (c cli) filled(op cutOperation, dev string) []string {
	c.t.Helper()
	args := strings.Fields(op.args)
	for i, arg := range args {
		name := strings.TrimSuffix(arg[strings.Index(arg, ":")+1:], "}")
		switch {
		case arg == "{dev}":
			args[i] = dev
		case strings.HasPrefix(arg, "{key:"):
			args[i] = c.keyOf(name)
		case strings.HasPrefix(arg, "{file:"):
			args[i] = c.file(name)
		}
	}
	return args
}

// file is the path of a file beside the key files.
func (c cli) file(name string) string { return filepath.Join(filepath.Dir(c.key), name) }

// twoKeys1 is twoKeys for LUKS1.
func (c cli) twoKeys1(disk string) {
	c.t.Helper()
	c.run("orthrus", "luksFormat", "-q", "--type", "luks1", "--pbkdf-force-iterations", "1000", "--key-file", c.key, disk)
	c.run("orthrus", "luksAddKey", "-q", "--pbkdf-force-iterations", "1000", "--key-file", c.key, disk, c.keyOf("two"))
}

// backupThenChange keeps the header and changes the passphrase two to three.
func (c cli) backupThenChange(disk string) {
	c.t.Helper()
	c.run("orthrus", "luksHeaderBackup", "--header-backup-file", c.file("backup"), disk)
	c.run("orthrus", "luksChangeKey", "-q", "--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--key-file", c.keyOf("two"), disk, c.keyOf("three"))
}

// TestAFlakyDiskIsNoSuccess: a disk that drops every write in silence, and one that fails them. No change
// of a header succeeds on it, and the real cryptsetup then opens what it opened before.
func TestAFlakyDiskIsNoSuccess(t *testing.T) {
	for _, feature := range []string{"drop_writes", "error_writes"} {
		t.Run(feature, func(t *testing.T) {
			machine.Inside(t, func(t *testing.T) { flaky(newCLI(t), feature) })
		})
	}
}

func flaky(c cli, feature string) {
	machine.LoadModule(c.t, "dm-flakey")
	disk := machine.DiskPath(c.t, "a")
	table := fmt.Sprintf("0 %d flakey %s 0 0 60 1 %s\n", c.sectors(disk), disk, feature)
	var before []byte // of a volume with two keys, once it is there
	for _, op := range faultsToTry() {
		switch {
		case op.start != nil:
			op.start(c, disk)
		case before == nil:
			c.twoKeys(disk)
		}
		before = c.read(disk, headerRoom)
		dev := c.overlay("flaky", table)
		out, err := exec.Command("orthrus", c.filled(op, dev)...).CombinedOutput()
		if err == nil {
			c.t.Errorf("%s: success on a disk with %s", op.name, feature)
		}
		if !bytes.Contains(out, []byte("flaky")) && !bytes.Contains(out, []byte("header")) && !bytes.Contains(out, []byte("eyslot")) {
			c.t.Errorf("%s: the error names neither the device nor what failed: %s", op.name, out)
		}
		c.run("dmsetup", "remove", "--retry", "flaky")
		after := c.read(disk, headerRoom)
		if !bytes.Equal(after, before) {
			c.t.Errorf("%s: a write reached the disk", op.name)
		}
		c.judge(op.name+" on a disk with "+feature, after, op.holds)
		if op.start != nil {
			before = nil
		}
	}
}

// faultsToTry are all operations in the long run, and otherwise those that could lose a key.
func faultsToTry() []cutOperation {
	if os.Getenv("ORTHRUS_LONG") != "" {
		return cutOperations
	}
	return cutOperations[1:3]
}

// TestABadSectorInTheHeadsStopsNothing: the volume opens and maps, and every key is there; where the
// sector is cured, a changing verb mends the copy, and the real cryptsetup opens the result.
func TestABadSectorInTheHeadsStopsNothing(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		c := newCLI(t)
		disk := machine.DiskPath(t, "a")
		c.twoKeys(disk)
		whole := c.read(disk, headerRoom)
		size := c.sectors(disk)
		tried := 0
		for sector := int64(0); sector < headSectors; sector++ {
			if !badSectorToTry(sector) {
				continue
			}
			tried++
			c.withBadSector(disk, size, sector)
			if t.Failed() {
				t.Fatalf("bad sector %d", sector)
			}
		}
		if !bytes.Equal(c.read(disk, headerRoom), whole) {
			t.Error("opening wrote to the disk")
		}
		t.Logf("%d of %d positions of a bad sector: all open", tried, headSectors)
	})
}

// badSectorToTry picks all positions in the long run, and otherwise the first of each head and one of
// each JSON area.
func badSectorToTry(sector int64) bool {
	in := sector % (headSectors / 2)
	return os.Getenv("ORTHRUS_LONG") != "" || in == 0 || in == 8
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
