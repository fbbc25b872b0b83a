// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"regexp"
	"strconv"
	"testing"
)

// Disks that hang, one and ten, which nothing in sysfs tells of: files behind a suspended mapping. Another volume that
// is damaged then is reported and mended as fast as before.
func TestGuardReportsWhileDisksHang(t *testing.T) {
	out := guardScript(t, `
at=hang
now() { read up idle </proc/uptime; echo "${up%.*}${up#*.}"; }
# slow NAME COUNT: so many volumes in files of a file system of its own
slow() {
	truncate -s 40M /run/t/disk$1; n=$(losetup -f --show /run/t/disk$1)
	DM_DISABLE_UDEV=1 dmsetup create slow$1 --table "0 $(blockdev --getsz $n) linear $n 0"
	mkfs.ext4 -q /dev/mapper/slow$1; mkdir /run/t/slow$1; mount /dev/mapper/slow$1 /run/t/slow$1
	for i in $(seq $2); do
		truncate -s 4M /run/t/slow$1/$i; n=$(losetup -f --show /run/t/slow$1/$i)
		want 0 orthrus luksFormat -q --no-far-header --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 256k --key-file one $n
		echo $n >>/run/t/loops$1
	done
	sync
}
# hang NAME: they answer no more, and the guard is about to look at them
hang() {
	want 0 dmsetup suspend --noflush --nolockfs slow$1; echo 3 >/proc/sys/vm/drop_caches
	for n in $(cat /run/t/loops$1); do echo change >/sys/block/${n##*/}/uevent; done
}
damage() {
	sleep 3; lines=$(grep -c "WRITTEN TO" /run/t/log); began=$(now)
	dd if=/dev/zero of=$node bs=16k count=1 conv=notrunc status=none
	until_ '[ $(grep -c "WRITTEN TO" /run/t/log) -gt '$lines' ]'
	echo "TOOK $1 $(($(now) - began))"
}
slow a 1; slow b 9
volume --no-far-header
watch 'repair = proven\n'
until_ 'grep -q "every device was looked at" /run/t/log'
damage 0
hang a; damage 1
hang b; damage 10
sleep 20; damage 10
grep "does not answer" /run/t/log | wc -l | sed 's/^/LATE /'
kill $guard # no program ends while the kernel reads for it
for s in a b; do want 0 dmsetup resume slow$s; done
wait $guard; is $? 0
end
`)
	taken := regexp.MustCompile(`TOOK (\d+) (\d+)`).FindAllStringSubmatch(out, -1)
	if len(taken) != 4 {
		t.Fatalf("%v\n%s", taken, out)
	}
	for _, one := range taken {
		n, _ := strconv.Atoi(one[2])
		t.Logf("%s disks hang: mended elsewhere after %d.%02d s", one[1], n/100, n%100)
	}
	t.Log(regexp.MustCompile(`LATE.*`).FindAllString(out, -1))
}

// A week of a laptop: sleep, mail in and out, a new kernel, backups of the header and of the disk that are plugged in, keys
// that are added and changed, a disk that is pulled out. What the guard says is true each time, and it writes to the disk
// once, when a head is lost.
func TestGuardThroughTheWeekOfALaptop(t *testing.T) {
	out := guardScript(t, `
cost="--pbkdf pbkdf2 --pbkdf-force-iterations 1000"
volume --far-header; disk=${node##*/}
watch 'repair = proven\n'
written() { set -- $(cat /sys/block/$disk/stat); echo $7; }
# says WHAT: the guard has it, and nobody is called lost
says() { until_ "orthrus guard status 2>&1 | grep -q '$1'"; ! grep -q 'lost' /run/t/log || echo "FAIL at $at: lost: $(grep lost /run/t/log)"; echo "SAID $at: $1"; }
silent() { lines=$(wc -l </run/t/log); sleep 2; is "$(wc -l </run/t/log)" "$lines"; echo "SAID $at: nothing"; }
change() { echo change >/sys/block/$disk/uevent; }
head() { dd if=$node bs=32k count=1 iflag=direct status=none | sha256sum; }

at="Monday, work"; before=$(head); seq 1000 >/run/t/mnt/mail; sync; change; silent; is "$(head)" "$before"
at="Monday, sleep"; kill -STOP $guard; sleep 2; kill -CONT $guard; change; silent; is "$(head)" "$before"

at="Tuesday, header backup on a stick"
want 0 cryptsetup luksHeaderBackup $node --header-backup-file /run/t/stick
stick=$(losetup -f --show /run/t/stick); says "the same UUID is on"
is "$(orthrus guard status | grep -c 'WRITTEN')" 0
want 0 losetup -d $stick; until_ '! orthrus guard status | grep -q "the same UUID"'; is "$(head)" "$before"

at="Wednesday, key added"
want 0 cryptsetup luksAddKey -q $cost --key-file one $node two; until_ 'orthrus far status $node | grep -q "in step"'
until_ 'orthrus guard history $uuid | grep -q " synced "'; echo "SAID $at: synced"
want 0 cryptsetup open --test-passphrase --key-file two $node

at="Wednesday, new kernel"; want 0 umount /run/t/mnt; want 0 orthrus close vault; unwatch
watch 'repair = proven\n'; want 0 orthrus open --key-file two $node vault; want 0 mount /dev/mapper/vault /run/t/mnt; intact
says "healthy"

at="Thursday, the whole disk copied to a new one"
cp /run/t/img /run/t/copy; copy=$(losetup -f --show /run/t/copy); says "the same UUID is on"
at="Thursday, a head is lost while the copy is there"; before=$(head)
dd if=/dev/zero of=$node bs=16k count=1 conv=notrunc status=none; hurt=$(head)
says "to be done: repair"; orthrus guard status | grep -q "the same UUID is on" || echo "FAIL at $at: no reason"
is "$(head)" "$hurt"
at="Thursday, the copy goes"; want 0 losetup -d $copy
until_ 'orthrus guard history $uuid | grep -q " repaired "'; echo "SAID $at: repaired"
until_ 'orthrus check $node >/dev/null'; intact

at="Friday, key changed"; want 0 cryptsetup luksKillSlot -q $node 1
until_ 'orthrus guard history $uuid | grep -q " revoked "'; echo "SAID $at: revoked"
until_ 'orthrus far status $node | grep -q "in step"'
want 2 cryptsetup open --test-passphrase --key-file two $node

at="Saturday, an old header backup is plugged in"
stick=$(losetup -f --show /run/t/stick); says "an earlier state\|the same UUID is on"; want 0 losetup -d $stick
until_ '! orthrus guard status | grep -q "the same UUID"'; is "$(orthrus guard history $uuid | grep -c ' repaired ')" 1

at="Sunday, rest"; change; silent; was0=$(written); change; sleep 3; is "$(written)" "$was0"
intact; want 2 cryptsetup open --test-passphrase --key-file two $node
orthrus guard history $uuid | sed 's/^/HISTORY /'
unwatch; end
`)
	said := regexp.MustCompile(`(?m)^(SAID|HISTORY) .*$`).FindAllString(out, -1)
	for _, line := range said {
		t.Log(line)
	}
	if len(said) < 12 {
		t.Errorf("the week did not come to its end:\n%s", out)
	}
}
