// SPDX-License-Identifier: Apache-2.0

package vm

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// A logged write is an entry of dm-log-writes' log (kernel: admin-guide/device-mapper/log-writes.rst):
// a superblock sector, then for each entry a header sector and its data, little-endian.
//
//	superblock: 0 8 magic, 8 8 version, 16 8 number of entries, 24 4 sector size
//	entry:      0 8 sector, 8 8 sectors, 16 8 flags, 24 8 length of mark data
type loggedWrite struct {
	offset int64 // bytes
	data   []byte
	flush  bool
}

const (
	logMagic   = 0x6a736677736872
	logFlush   = 1
	logDiscard = 4
	logMark    = 8
)

// parseLog reads the whole log.
func parseLog(log []byte) ([]loggedWrite, error) {
	le := binary.LittleEndian
	if magic := le.Uint64(log); magic != logMagic {
		return nil, fmt.Errorf("magic %x", magic)
	}
	count, size := le.Uint64(log[16:]), uint64(le.Uint32(log[24:]))
	at := size
	var writes []loggedWrite
	for range count {
		if at+size > uint64(len(log)) {
			return nil, fmt.Errorf("log of %d entries ends early", count)
		}
		sector, sectors, flags := le.Uint64(log[at:]), le.Uint64(log[at+8:]), le.Uint64(log[at+16:])
		at += size
		w := loggedWrite{offset: int64(sector * size), flush: flags&logFlush != 0}
		if flags&(logDiscard|logMark) == 0 {
			w.data = log[at : at+sectors*size]
			at += sectors * size
		}
		writes = append(writes, w)
	}
	return writes, nil
}

// headerRoom is what the operations may write to, and what is compared: heads and keyslots area.
const headerRoom = 2 << 20

// cutOperation is one change of a header.
type cutOperation struct {
	name string
	args string // {dev} is the device, {key:X} a file with passphrase X, {file:X} one of that name
	// holds are lists of passphrases of which one must open, whatever happens.
	holds [][]string
	// opens are those that must open, each, once the operation has succeeded.
	opens []string
	// start makes the volume to begin with; nil for one of LUKS2 with the passphrases one and two.
	start func(c cli, disk string)
}

const cost = " --pbkdf pbkdf2 --pbkdf-force-iterations 1000 "

var bothKeys = [][]string{{"one"}, {"two"}}

var cutOperations = []cutOperation{
	{name: "add a key", args: "luksAddKey -q" + cost + "--key-file {key:one} {dev} {key:three}", holds: bothKeys, opens: []string{"three"}},
	{name: "change a key", args: "luksChangeKey -q" + cost + "--key-file {key:two} {dev} {key:three}", holds: [][]string{{"one"}, {"two", "three"}}, opens: []string{"three"}},
	{name: "kill a keyslot", args: "luksKillSlot -q --key-file {key:one} {dev} 1", holds: [][]string{{"one"}}, opens: []string{"one"}},
	{name: "change the label", args: "config --label new {dev}", holds: bothKeys},
	{name: "prefer a keyslot", args: "config --priority prefer --key-slot 1 {dev}", holds: bothKeys},
	{name: "change the uuid", args: "luksUUID -q --uuid 22222222-2222-4333-8444-555555555555 {dev}", holds: bothKeys},
	{name: "add a token", args: "token add --key-description d {dev}", holds: bothKeys},
	{name: "format", args: "luksFormat -q" + cost + "--luks2-keyslots-size 1m --key-file {key:three} {dev}", opens: []string{"three"}},
	{
		name: "restore a header", args: "luksHeaderRestore -q --header-backup-file {file:backup} {dev}", opens: []string{"one", "two"},
		holds: [][]string{{"one"}, {"two", "three"}}, start: func(c cli, disk string) { c.twoKeys(disk); c.backupThenChange(disk) },
	},
	{
		name: "repair", args: "repair -q --undo {file:undo} {dev}", holds: bothKeys, opens: []string{"one", "two"},
		start: func(c cli, disk string) {
			c.twoKeys(disk)
			c.run("dd", "if=/dev/zero", "of="+disk, "bs=4096", "count=1", "oflag=direct")
		},
	},
	{name: "add a key to LUKS1", args: "luksAddKey -q" + cost + "--key-file {key:one} {dev} {key:three}", holds: bothKeys, opens: []string{"three"}, start: cli.twoKeys1},
	{name: "change a key of LUKS1", args: "luksChangeKey -q" + cost + "--key-file {key:two} {dev} {key:three}", holds: [][]string{{"one"}, {"two", "three"}}, opens: []string{"three"}, start: cli.twoKeys1},
	{name: "kill a keyslot of LUKS1", args: "luksKillSlot -q --key-file {key:one} {dev} 1", holds: [][]string{{"one"}}, opens: []string{"one"}, start: cli.twoKeys1},
	{
		name: "restore a LUKS1 header", args: "luksHeaderRestore -q --header-backup-file {file:backup} {dev}", opens: []string{"one", "two"},
		holds: [][]string{{"one"}, {"two", "three"}}, start: func(c cli, disk string) { c.twoKeys1(disk); c.backupThenChange(disk) },
	},
	{name: "convert to LUKS2", args: "convert -q --type luks2 {dev}", holds: bothKeys, opens: []string{"one", "two"}, start: cli.twoKeys1},
	{
		name: "convert to LUKS1", args: "convert -q --type luks1 {dev}", holds: bothKeys, opens: []string{"one", "two"},
		start: func(c cli, disk string) { c.twoKeys1(disk); c.run("orthrus", "convert", "-q", "--type", "luks2", disk) },
	},
}

// TestEveryPowerCutOnARealKernelLeavesAKey logs what each operation really sends to the disk, and
// lets the real cryptsetup open what a power cut after each write would have left.
func TestEveryPowerCutOnARealKernelLeavesAKey(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for _, op := range cutsToTry() {
			t.Run(op.name, func(t *testing.T) {
				c := newCLI(t)
				base, writes := c.logged(op)
				if len(writes) < 4 {
					t.Fatalf("only %d writes were logged", len(writes))
				}
				image := bytes.Clone(base)
				flushes := 0
				for i, w := range writes {
					if w.offset+int64(len(w.data)) > headerRoom {
						t.Fatalf("write %d of %d bytes at %d is outside the header", i, len(w.data), w.offset)
					}
					copy(image[w.offset:], w.data)
					if w.flush {
						flushes++
					}
					c.judge(fmt.Sprintf("after write %d of %d", i+1, len(writes)), image, op.holds)
				}
				for _, passphrase := range op.opens {
					c.judge("after the last write", image, [][]string{{passphrase}})
				}
				if flushes < 2 {
					t.Errorf("%d flushes for two heads", flushes)
				}
				t.Logf("%s: %d writes, %d flushes, every prefix opens", op.name, len(writes), flushes)
			})
		}
	})
}

// cutsToTry are all operations in the long run, and otherwise the two that can lose a key.
func cutsToTry() []cutOperation {
	if os.Getenv("ORTHRUS_LONG") != "" {
		return cutOperations
	}
	return cutOperations[1:3]
}

// keyOf is a key file with that passphrase.
func (c cli) keyOf(passphrase string) string {
	c.t.Helper()
	path := filepath.Join(filepath.Dir(c.key), passphrase)
	if err := os.WriteFile(path, []byte(passphrase), 0o600); err != nil {
		c.t.Fatal(err)
	}
	return path
}

// logged runs the operation through dm-log-writes and returns the header before and the writes.
func (c cli) logged(op cutOperation) ([]byte, []loggedWrite) {
	c.t.Helper()
	machine.LoadModule(c.t, "dm-log-writes")
	disk, log := machine.DiskPath(c.t, "a"), machine.DiskPath(c.t, "b")
	if op.start != nil {
		op.start(c, disk)
	} else {
		c.twoKeys(disk)
	}
	base := c.read(disk, headerRoom)
	dev := c.overlay("logged", fmt.Sprintf("0 %d log-writes %s %s\n", c.sectors(disk), disk, log))
	c.run("orthrus", c.filled(op, dev)...)
	c.run("dmsetup", "remove", "--retry", "logged")
	writes, err := parseLog(c.read(log, 16<<20))
	if err != nil {
		c.t.Fatal(err)
	}
	return base, writes
}

func (c cli) read(path string, n int) []byte {
	c.t.Helper()
	f, err := os.Open(path)
	if err != nil {
		c.t.Fatal(err)
	}
	defer f.Close()
	p := make([]byte, n)
	if _, err := f.ReadAt(p, 0); err != nil {
		c.t.Fatal(err)
	}
	return p
}

// judge lets the real cryptsetup try the image; one passphrase of each list must open it.
func (c cli) judge(when string, image []byte, holds [][]string) {
	c.t.Helper()
	for _, list := range holds {
		opened := false
		for _, passphrase := range list {
			path := filepath.Join(filepath.Dir(c.key), "image")
			if err := os.WriteFile(path, append(bytes.Clone(image), make([]byte, headerRoom)...), 0o600); err != nil {
				c.t.Fatal(err)
			}
			opened = opened || exec.Command("cryptsetup", "open", "--test-passphrase", "--key-file", c.keyOf(passphrase), path).Run() == nil
		}
		if !opened {
			c.t.Errorf("%s: none of %v opens", when, list)
		}
	}
}
