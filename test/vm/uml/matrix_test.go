// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
	"github.com/orthrus-luks/orthrus/test/vectors/interrupted"
)

// The matrix: what can happen to disks, on volumes of every shape, with the guard up, down and started after,
// and killed in the middle. What is expected follows from a rule that knows nothing of the program:
//
//	one head of two is damaged           mended, unless the volume has one head only or is being reencrypted
//	both heads are zeroed                mended under the volume's own mapping, or from a far header
//	both heads lack their magic alone    mended under the volume's own mapping; otherwise a person meant it
//	anything else                        untouched, byte for byte, as what happened left it
//
// and never does a revoked key open again, nor is anything lost that the guard keeps. Where a program refuses what
// it is asked for, as mkfs does under a mapping, nothing happened, and the cell says so.
//
// A batch is two dozen volumes, each with something else that happens to it, before one guard in one kernel: see
// cells_test.go, which is the part that runs there.
var (
	shapes = []string{"plain", "far", "mapped", "mounted", "detached", "luks1"}
	// reencryptions are shapes in the middle of one: states that cryptsetup 2.8.6 was stopped in, see package interrupted.
	reencryptions = []string{
		"reencrypt-checksum init", "reencrypt-checksum hot-2-data-half", "reencrypt-checksum hot-2-primary-only",
		"reencrypt-journal hot-2-data-half", "encrypt-datashift clean-1", "reencrypt-none concluded",
	}
	times = []string{"up", "after", "killed"}
)

// happening is one of the things that can happen: damage is what the rule calls it, dead that the person who did it
// revoked the key "two".
type happening struct{ name, damage, script string }

const (
	oneHead     = "one head"
	bothHeads   = "both heads"
	bothMagics  = "both magics"
	zeroPrimary = "zero 0 16"
	// unreadable happens to a volume on a mapping of its own, by which its first sectors can be made to fail.
	unreadable = "primary cannot be read"
)

var happenings = []happening{
	{"nothing", "", "true"},
	{"primary zeroed", oneHead, "zero 0 16"},
	{"secondary zeroed", oneHead, "zero 16 16"},
	{"primary's text torn", oneHead, "noise 4 1"},
	{"primary's first sector", oneHead, "dd if=/dev/zero of=$h bs=512 count=1 conv=notrunc status=none"},
	{"secondary's text torn", oneHead, "noise 20 1"},
	{"relabelled, then primary lost", oneHead, "cryptsetup config $h --label x && " + zeroPrimary},
	{"both heads zeroed", bothHeads, "zero 0 32"},
	{"both heads noise", bothHeads, "noise 0 32"},
	{"shred", "", "zero 0 512"},
	{"noise over all", "", "noise 0 512"},
	{"heads and first keyslot", "", "zero 0 64"},
	{"keyslots zeroed, heads too", "", "zero 32 256; zero 0 32"},
	{"wipefs", bothMagics, "wipefs -q -a -f $h"},
	{"mkfs.ext4", "", "mkfs.ext4 -q -F $h"},
	{"mkfs.xfs", "", "mkfs.xfs -q -f --unsupported $h"},
	{"mkfs.vfat", "", "mkfs.vfat -I $h"},
	{"mkswap", "", "mkswap -f $h"},
	{"GPT", "", "echo label:gpt | sfdisk -q --force --no-reread $h"},
	{"DOS table", "", "echo label:dos | sfdisk -q --force --no-reread $h"},
	{"GPT, then wipefs", "", "echo label:gpt | sfdisk -q --force --no-reread $h; wipefs -q -a -f $h"},
	{"LVM label", "", "pvcreate -qq -ff -y --config \"devices{use_devicesfile=0 filter=[\\\"a|^$h\\$|\\\",\\\"r|.*|\\\"]} backup{backup=0 archive=0}\" $h"},
	{"ISO image", "", "noise 0 32; printf '\\001CD001\\001' | dd of=$h bs=1 seek=32768 conv=notrunc status=none"},
	{"swap on a plain mapping", "", "cryptsetup open -q --type plain -c aes-xts-plain64 -s 256 -d /dev/urandom $h sw$N && mkswap -q /dev/mapper/sw$N && " + zeroPrimary},
	{"linear mapping", "", "linear && " + zeroPrimary},
	{"loop device on it", "", "losetup -f $h && " + zeroPrimary},
	{"loop device, heads lost", "", "losetup -f $h && zero 0 32"},
	{"formatted, same UUID", "", "cryptsetup luksFormat -q --uuid $uuid $cost --luks2-keyslots-size 768k --key-file three $h"},
	{"formatted, same UUID, then heads lost", "", "cryptsetup luksFormat -q --uuid $uuid $cost --luks2-keyslots-size 768k --key-file three $h && zero 0 32"},
	{"formatted, other UUID", "", "cryptsetup luksFormat -q $cost --luks2-keyslots-size 768k --key-file three $h"},
	{"cryptsetup erase", "", "cryptsetup erase -q $h"},
	{"cryptsetup erase, then heads lost", "", "cryptsetup erase -q $h && zero 0 32"},
	{"key killed", "", "cryptsetup luksKillSlot -q $h 1"},
	{"key killed by us", "", "orthrus luksKillSlot -q $h 1"},
	{"key killed, then heads lost", "", "cryptsetup luksKillSlot -q $h 1 && zero 0 32"},
	{"key changed", "", "cryptsetup luksChangeKey -q $cost --key-file two $h three"},
	{"key added", "", "cryptsetup luksAddKey -q $cost --key-file one $h three"},
	{"older backup restored", "", "cryptsetup luksHeaderRestore -q --header-backup-file $backup $h"},
	{"older backup restored, then heads lost", "", "cryptsetup luksHeaderRestore -q --header-backup-file $backup $h && zero 0 32"},
	{"older backup restored, then primary lost", "", "cryptsetup luksHeaderRestore -q --header-backup-file $backup $h && zero 0 16"},
	{"newer backup restored", "", "cryptsetup luksHeaderRestore -q --header-backup-file $newest $h"},
	{"clone, primary lost", "", "beside $img && " + zeroPrimary},
	{"impostor, primary lost", "", "beside $impostor && " + zeroPrimary},
	{"grown", "", "truncate -s +2M $img; losetup -c $node"},
	{"cut", "", "truncate -s $((size / 2)) $img; losetup -c $node"},
	{"read-only, primary lost", "", zeroPrimary + " && blockdev --setro $h"},
	{"unplugged and plugged, primary lost", oneHead, zeroPrimary + "; losetup -d $h; losetup $h $img || :"},
	{"mapping suspended, primary lost", oneHead, "[ -z \"$vault\" ] || dmsetup suspend $vault; " + zeroPrimary},
	{unreadable, "", "sectors=$(blockdev --getsz $h) && dmsetup suspend $h && printf '0 32 error\\n32 %d linear %s 32\\n' $((sectors - 32)) $node | dmsetup load $h && dmsetup resume $h"},
}

// revokes tells whether the key "two" is meant to open nothing after it.
func (h happening) revokes() bool {
	for _, word := range []string{"killed", "changed", "erase", "formatted", "older backup"} {
		if strings.Contains(h.name, word) {
			return true
		}
	}
	return false
}

// expected is the rule.
func expected(shape, damage string) string {
	switch {
	case shape == "luks1" || slices.Contains(reencryptions, shape):
		return untouched
	case damage == oneHead:
		return mended
	case shape == "mapped" || shape == "mounted":
		return map[string]string{bothHeads: mended, bothMagics: mended, "": untouched}[damage]
	case shape == "far" && damage == bothHeads:
		return mended
	}
	return untouched
}

// making has what makes the volumes of a shape, with the real cryptsetup, in image files: img as it is, backup and
// newest of its header before and after the key two was added, and an impostor under the same UUID. Those amid a
// reencryption are there, with their first state.
const making = `
cost="--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
exec 2>&1
format() { cryptsetup luksFormat -q --uuid $uuid --key-file one "$@" $T/img; }
truncate -s 24M $T/img $T/impostor
case $shape in
*crypt*) cryptsetup luksHeaderBackup $T/first --header-backup-file $T/backup || exit 1 ;;
*)
	case $shape in
	luks1) cost="--pbkdf-force-iterations 1000"; format --type luks1 $cost ;;
	far) ./orthrus luksFormat -q --uuid $uuid --key-file one $cost --far-header --luks2-keyslots-size 768k $T/img ;;
	*) format $cost --luks2-keyslots-size 768k --offset 2048 ;;
	esac || exit 1
	cryptsetup luksHeaderBackup $T/img --header-backup-file $T/backup && ./orthrus luksAddKey -q $cost --key-file one $T/img two || exit 1 ;;
esac
cryptsetup luksHeaderBackup $T/img --header-backup-file $T/newest || exit 1
cryptsetup luksFormat -q --uuid $uuid --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 768k --key-file three $T/impostor
`

// makeVolumes puts the volumes of a shape below dir, one for each happening: what the guard and the verbs know of a
// volume they know by its key. None that is being reencrypted is ever kept: the cells share one, under another UUID each.
func makeVolumes(t *testing.T, dir, shape string) {
	t.Helper()
	count := len(happenings)
	if slices.Contains(reencryptions, shape) {
		count = 1
	}
	for n := range count {
		at := volumesOf(dir, shape, n)
		if err := os.MkdirAll(at, 0o700); err != nil {
			t.Fatal(err)
		}
		if count == 1 {
			makeInterrupted(t, at, shape)
		}
		cmd := exec.Command("sh", "-c", making)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "shape="+shape, "uuid="+uuidNumber(n), "T="+at)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%s: %v\n%s", shape, err, out)
		}
	}
}

func makeInterrupted(t *testing.T, dir, shape string) {
	t.Helper()
	run, name, _ := strings.Cut(shape, " ")
	for _, f := range interrupted.Families() {
		for _, s := range f.States {
			for file, is := range map[string]string{"img": name, "first": "init"} {
				if f.Name != run || s.Name != is {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, file), s.WithMaterial(), 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

// TestGuardMatrix runs the cells, many to one boot: a slice of those of one shape, or with GUARD_MATRIX=full all.
// GUARD_MATRIX may name shapes, too, and GUARD_HAPPENING what is in the name of what happens.
func TestGuardMatrix(t *testing.T) {
	want := os.Getenv("GUARD_MATRIX")
	dir := place(t, 1<<20)
	var batches [kernels][]batch
	n := 0
	for _, shape := range slices.Concat(shapes, reencryptions) {
		if want != "" && want != "full" && !strings.Contains(want, shape) || want == "" && shape != "far" {
			continue
		}
		makeVolumes(t, dir, shape)
		for _, b := range batchesOf(shape, want == "") {
			batches[n%kernels] = append(batches[n%kernels], b)
			n++
		}
	}
	var all tally
	t.Run("cells", func(t *testing.T) {
		for i, list := range batches {
			t.Run(fmt.Sprint(i), func(t *testing.T) {
				t.Parallel()
				all.add(table(t, runScript(t, boot(t, dir, i, list), guarding+startCells, 100*time.Minute, "mem=700M")))
			})
		}
	})
	part.Note(t, "cells", all.rows, (len(shapes)+1)*len(times)*len(happenings))
	t.Logf("%d cells, %d not as expected; %d mended, %d untouched, %d that a program refused", all.rows, all.bad, all.mended,
		all.untouched, all.refused)
}

// kernels is how many run at once.
const kernels = 2

const startCells = "\n" + `mount -t tmpfs -o size=600m cells /run/t && ` + cellsEnv + `=$PWD/cells "$(cat program)"` + "\n"

// boot makes the directory of one kernel.
func boot(t *testing.T, common string, i int, list []batch) string {
	t.Helper()
	dir := filepath.Join(common, fmt.Sprint("kernel", i))
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"orthrus", "one", "two", "three"} {
		if err := os.Link(filepath.Join(common, name), filepath.Join(dir, name)); err != nil {
			t.Fatal(err)
		}
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	plan, err := json.Marshal(list)
	if err != nil {
		t.Fatal(err)
	}
	for name, contents := range map[string]string{"program": program, "cells": string(plan), "disk": strings.Repeat("-", 1<<20)} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(contents), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// batchesOf has the cells of one shape; of a slice, each happening at one of the times.
func batchesOf(shape string, slice bool) (list []batch) {
	for j, when := range times {
		b := batch{Shape: shape, When: when}
		for i, h := range happenings {
			if !wanted(shape, h, i, j, slice) {
				continue
			}
			if len(b.Cells) == batchSize {
				list = append(list, b)
				b.Cells = nil
			}
			b.Cells = append(b.Cells, cell{
				N: i, Name: h.name, Script: h.script, Want: expected(shape, h.damage), Dead: h.revokes(),
			})
		}
		list = append(list, b)
	}
	return list
}

// wanted tells whether the happening i at the time j is a cell. The states of a reencryption share the
// cells of one shape: each happening meets three of them, one at each time.
func wanted(shape string, h happening, i, j int, slice bool) bool {
	state := slices.Index(reencryptions, shape)
	switch {
	case !strings.Contains(h.name, os.Getenv("GUARD_HAPPENING")):
		return false
	case state >= 0:
		return (i+state)%len(times) == j && (i+state)%2 == 0
	case slice:
		return i%6 == len(shape)%6 && i/6%len(times) == j
	}
	return true
}

const batchSize = 17

// tally counts cells.
type tally struct {
	mu                                    sync.Mutex
	rows, bad, mended, untouched, refused int
}

func (a *tally) add(rows []row) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, r := range rows {
		a.rows++
		a.bad += count(r.verdict != "ok")
		a.mended += count(r.got == mended)
		a.untouched += count(r.got == untouched)
		a.refused += count(r.event != "done")
	}
}

func count(is bool) int {
	if is {
		return 1
	}
	return 0
}

// row is one line of the table.
type row struct{ shape, name, when, event, got, verdict string }

// table prints what the cells came to, and fails for each that is not as the rule says.
func table(t *testing.T, out string) (rows []row) {
	t.Helper()
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if fields[0] != "CELL" || len(fields) != 7 {
			if strings.HasPrefix(line, "LOG ") {
				t.Log(strings.TrimSpace(line))
			}
			continue
		}
		r := row{fields[1], fields[2], fields[3], fields[4], fields[5], fields[6]}
		rows = append(rows, r)
		t.Logf("%-37s %-40s %-7s %-8s %-10s %s", r.shape, r.name, r.when, r.event, r.got, r.verdict)
		if r.verdict != "ok" {
			t.Errorf("%s, %s, %s: %s", r.shape, r.name, r.when, r.verdict)
		}
	}
	if len(rows) == 0 {
		t.Errorf("no cell was tried:\n%s", out)
	}
	return rows
}
