// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
)

// The matrix: what can happen to disks, on volumes of every shape, with the guard up, down and started after,
// and killed in the middle. What is expected follows from a rule that knows nothing of the program:
//
//	one head of two is damaged           mended, unless the volume has one head only or is being reencrypted
//	both heads are zeroed                mended under the volume's own mapping, or from a far header
//	anything else                        untouched, byte for byte, as what happened left it
//
// and never does a revoked key open again, nor is anything lost that the guard keeps.
var (
	shapes = []string{"plain", "far", "mapped", "mounted", "detached", "luks1", "reencrypt"}
	times  = []string{"up", "after", "killed"}
)

// happening is one of the things that can happen: damage is what the rule calls it.
type happening struct{ name, damage, script string }

const (
	oneHead   = "one head"
	bothHeads = "both heads"
)

const zeroPrimary = "zero 0 16; "

var happenings = []happening{
	{"nothing", "", "true"},
	{"primary zeroed", oneHead, "zero 0 16"},
	{"secondary zeroed", oneHead, "zero 16 16"},
	{"primary's text torn", oneHead, "noise 4 1"},
	{"primary's first sector", oneHead, "dd if=/dev/zero of=$h bs=512 count=1 conv=notrunc status=none"},
	{"secondary's text torn", oneHead, "noise 20 1"},
	{"relabelled, then primary lost", oneHead, "cryptsetup config $h --label x; " + zeroPrimary},
	{"both heads zeroed", bothHeads, "zero 0 32"},
	{"both heads noise", bothHeads, "noise 0 32"},
	{"shred", "", "zero 0 512"},
	{"noise over all", "", "noise 0 512"},
	{"heads and first keyslot", "", "zero 0 64"},
	{"keyslots zeroed, heads too", "", "zero 32 256; zero 0 32"},
	{"wipefs", "", "wipefs -q -a -f $h"},
	{"mkfs.ext4", "", "mkfs.ext4 -q -F $h"},
	{"mkfs.xfs", "", "mkfs.xfs -q -f $h"},
	{"mkfs.vfat", "", "mkfs.vfat -I $h"},
	{"mkswap", "", "mkswap -f $h"},
	{"GPT", "", "echo label:gpt | sfdisk -q --force --no-reread $h"},
	{"DOS table", "", "echo label:dos | sfdisk -q --force --no-reread $h"},
	{"GPT, then wipefs", "", "echo label:gpt | sfdisk -q --force --no-reread $h; wipefs -q -a -f $h"},
	{"LVM label", "", "pvcreate -qq -ff -y --config 'devices{use_devicesfile=0} backup{backup=0 archive=0}' $h"},
	{"ISO image", "", "noise 0 32; printf '\\001CD001\\001' | dd of=$h bs=1 seek=32768 conv=notrunc status=none"},
	{"swap on a plain mapping", "", "cryptsetup open --type plain -c aes-xts-plain64 -s 256 -d one $h sw && mkswap -q /dev/mapper/sw; " + zeroPrimary},
	{"linear mapping", "", "linear 0; " + zeroPrimary},
	{"loop device on it", "", "losetup -f $h; " + zeroPrimary},
	{"loop device, heads lost", "", "losetup -f $h; zero 0 32"},
	{"formatted, same UUID", "", "cryptsetup luksFormat -q --uuid $uuid $cost --luks2-keyslots-size 512k --key-file three $h"},
	{"formatted, same UUID, then heads lost", "", "cryptsetup luksFormat -q --uuid $uuid $cost --luks2-keyslots-size 512k --key-file three $h && zero 0 32"},
	{"formatted, other UUID", "", "cryptsetup luksFormat -q $cost --luks2-keyslots-size 512k --key-file three $h"},
	{"cryptsetup erase", "", "cryptsetup erase -q $h"},
	{"cryptsetup erase, then heads lost", "", "cryptsetup erase -q $h; zero 0 32"},
	{"key killed", "", "cryptsetup luksKillSlot -q $h 1"},
	{"key killed by us", "", "orthrus luksKillSlot -q $h 1"},
	{"key killed, then heads lost", "", "cryptsetup luksKillSlot -q $h 1; zero 0 32"},
	{"key changed", "", "cryptsetup luksChangeKey -q $cost --key-file two $h three"},
	{"key added", "", "cryptsetup luksAddKey -q $cost --key-file one $h three"},
	{"older backup restored", "", "cryptsetup luksHeaderRestore -q --header-backup-file $T/backup $h"},
	{"older backup restored, then heads lost", "", "cryptsetup luksHeaderRestore -q --header-backup-file $T/backup $h; zero 0 32"},
	{"older backup restored, then primary lost", "", "cryptsetup luksHeaderRestore -q --header-backup-file $T/backup $h; zero 0 16"},
	{"newer backup restored", "", "cryptsetup luksHeaderRestore -q --header-backup-file $T/newest $h"},
	{"clone, primary lost", "", "beside $img; " + zeroPrimary},
	{"impostor, primary lost", "", "beside $T/impostor; " + zeroPrimary},
	{"grown", "", "truncate -s +2M $img; losetup -c $h"},
	{"cut", "", "truncate -s 8M $img; losetup -c $h"},
	{"read-only, primary lost", "", zeroPrimary + "blockdev --setro $h"},
}

// expected is the rule.
func expected(shape, damage string) string {
	switch {
	case shape == "luks1" || shape == "reencrypt":
		return "untouched"
	case damage == oneHead:
		return "mended"
	case damage == bothHeads && slices.Contains([]string{"far", "mapped", "mounted"}, shape):
		return "mended"
	}
	return "untouched"
}

const cells = `
cost="--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
uuid=11111111-2222-4333-8444-555555555555
T=/run/t/templates; mkdir -p $T
printf 'repair = proven\nremovable = yes\nsettle = 10ms\n' >/run/t/conf
zero() { dd if=/dev/zero of=$h bs=1k seek=$1 count=$2 conv=notrunc status=none; }
noise() { dd if=/dev/urandom of=$h bs=1k seek=$1 count=$2 conv=notrunc status=none; }
linear() { dmsetup create lin --table "0 2048 linear $h $1"; }
beside() { cp $1 /run/t/beside; losetup -f /run/t/beside; }
begin() { dd if=$h bs=512k count=1 iflag=direct status=none | sha256sum; }
areas() { dd if=$h bs=1k skip=32 count=480 iflag=direct status=none | sha256sum; }
template() {
	truncate -s 24M $T/img; n=$(losetup -f --show $T/img)
	case $shape in
	luks1) cryptsetup luksFormat -q --type luks1 --uuid $uuid --pbkdf-force-iterations 1000 --key-file one $n ;;
	far) orthrus luksFormat -q --far-header --uuid $uuid $cost --luks2-keyslots-size 512k --key-file one $n ;;
	*) cryptsetup luksFormat -q --uuid $uuid $cost --luks2-keyslots-size 512k --offset 2048 --key-file one $n ;;
	esac || echo "FAIL template"
	cryptsetup luksHeaderBackup $n --header-backup-file $T/backup
	orthrus luksAddKey -q $( [ $shape = luks1 ] && echo --pbkdf-force-iterations 1000 || echo $cost) --key-file one $n two || echo "FAIL template key"
	[ $shape != reencrypt ] || cryptsetup reencrypt -q --init-only $cost --key-file one --key-slot 0 $n || echo "FAIL template reencryption"
	cryptsetup luksHeaderBackup $n --header-backup-file $T/newest
	losetup -d $n
	truncate -s 24M $T/impostor
	cryptsetup luksFormat -q --uuid $uuid $cost --luks2-keyslots-size 512k --key-file three $T/impostor
}
setup() {
	rm -rf /run/state; img=/run/t/img; cp --sparse=always $T/img $img; h=$(losetup -f --show $img); data=
	case $shape in
	mapped|mounted) cryptsetup open --key-file one $h vault || echo "FAIL setup" ;;
	detached) truncate -s 8M /run/t/data; data=$(losetup -f --show /run/t/data); cryptsetup open --header $h --key-file one $data vault || echo "FAIL setup" ;;
	esac
	[ $shape != mounted ] || { mkfs.ext4 -q /dev/mapper/vault; mount /dev/mapper/vault /run/t/mnt; }
}
start() {
	orthrus guard --config /run/t/conf >/run/t/log 2>&1 & guard=$!
	i=0; until grep -q "every device was looked at" /run/t/log || [ $i = 200 ]; do sleep 0.05; i=$((i+1)); done
}
stop() { kill -CONT $guard; kill $guard; wait $guard; }
rest() {
	umount /run/t/mnt 2>/dev/null; for m in vault sw lin; do dmsetup remove $m 2>/dev/null; done
	blockdev --setrw $h; losetup -D; rm -f /run/t/beside /run/t/img
}
heads() { ls /run/state/guard/$uuid 2>/dev/null | grep -c '^head-'; }
# mended: within a while both copies are in order and nothing but them was written.
mended() {
	i=0
	while [ $i -lt $1 ]; do
		orthrus check $h >/dev/null 2>&1 && return 0
		sleep 0.1; i=$((i+1))
	done
	return 1
}
cell() { # EXPECTED WHEN NAME
	setup; start; kept=$(heads); reference=$(areas); at="$shape, $3, $2"
	case $2 in
	up|killed) kill -STOP $guard ;;
	after) stop ;;
	esac
	"$event" >/run/t/out 2>&1
	was=$(begin); now=$(areas)
	orthrus open --test-passphrase --key-file two $h >/dev/null 2>&1; two=$?
	case $2 in
	up) kill -CONT $guard ;;
	after) start ;;
	killed) kill -CONT $guard; sleep 0.0$((RANDOM_ = (RANDOM_ * 7 + 3) % 9)); kill -9 $guard; wait $guard 2>/dev/null; start ;;
	esac
	got=untouched
	if [ $1 = mended ]; then mended 60; else sleep 0.4; fi
	[ "$(begin)" = "$was" ] || got=written
	[ $got = untouched ] || { mended 5 && [ "$(areas)" = "$now" ] && got=mended; }
	stop 2>/dev/null
	verdict=ok
	[ $got = $1 ] || verdict="FALSE: expected $1"
	if [ $got != mended ] && orthrus open --test-passphrase --key-file two $h >/dev/null 2>&1 && [ $two != 0 ]; then verdict="KEY BACK"; fi
	case $3 in clone*|impostor*) [ $(heads) -ge $kept ] || verdict="KEPT HEAD LOST" ;; esac
	echo "CELL|$shape|$3|$2|$got|$verdict"
	case $verdict in ok) ;; *) sed 's/^/LOG /' /run/t/log | tail -4; sed 's/^/OUT /' /run/t/out | tail -2 ;; esac
	rest
}
RANDOM_=4
`

// TestGuardMatrix runs the cells, many to one boot: a slice of those of one shape, or with GUARD_MATRIX=full all.
// GUARD_MATRIX may name shapes, too.
func TestGuardMatrix(t *testing.T) {
	want := os.Getenv("GUARD_MATRIX")
	total, bad := 0, 0
	for _, shape := range shapes {
		if want != "" && want != "full" && !strings.Contains(want, shape) || want == "" && shape != "far" {
			continue
		}
		out := runScript(t, place(t, 1<<20), guarding+matrixScript(shape, want == ""), 100*time.Minute)
		rows := table(t, out)
		total += rows
		bad += strings.Count(out, "|FALSE") + strings.Count(out, "|KEY BACK") + strings.Count(out, "|KEPT")
		if strings.Count(out, "CELL|") == 0 {
			t.Errorf("%s: no cell was tried:\n%s", shape, out)
		}
	}
	part.Note(t, "cells", total, len(shapes)*len(happenings)*len(times))
	t.Logf("%d cells, %d not as expected", total, bad)
}

// matrixScript has the cells of one shape; of a slice, each happening at one of the times.
func matrixScript(shape string, slice bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\nshape=%s; template\n", cells, shape)
	for i, h := range happenings {
		if slice && i%6 != len(shape)%6 {
			continue
		}
		fmt.Fprintf(&b, "event_%d() { %s; }\nevent=event_%d\n", i, strings.TrimSuffix(h.script, "; "), i)
		for j, when := range times {
			if !slice || i%len(times) == j {
				fmt.Fprintf(&b, "cell %s %s %q\n", expected(shape, h.damage), when, h.name)
			}
		}
	}
	return b.String()
}

// table prints what the cells came to, and fails for each that is not as the rule says.
func table(t *testing.T, out string) (rows int) {
	for line := range strings.Lines(out) {
		fields := strings.Split(strings.TrimSpace(line), "|")
		if fields[0] != "CELL" || len(fields) != 6 {
			if strings.HasPrefix(line, "LOG ") || strings.HasPrefix(line, "OUT ") {
				t.Log(strings.TrimSpace(line))
			}
			continue
		}
		rows++
		t.Logf("%-10s %-42s %-7s %-10s %s", fields[1], fields[2], fields[3], fields[4], fields[5])
		if fields[5] != "ok" {
			t.Errorf("%s, %s, %s: %s", fields[1], fields[2], fields[3], fields[5])
		}
	}
	return rows
}
