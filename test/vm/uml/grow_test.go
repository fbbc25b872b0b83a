// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"fmt"
	"strings"
	"testing"
	"time"
)

// TestMountedVolumeFollowsItsDeviceUnderLoad lets the device below a mounted ext4 grow three times while
// files are written to it, the last time by less than the far header's length, and then takes both heads
// away. The far header brings them back, every file as it was. Then the volume makes room, and the
// device is cut.
func TestMountedVolumeFollowsItsDeviceUnderLoad(t *testing.T) {
	dir := place(t, 160<<20)
	const mib = 1 << 20
	var script strings.Builder
	say := func(format string, args ...any) { fmt.Fprintf(&script, format+"\n", args...) }
	table := func(size int64) string { return fmt.Sprintf("0 %d linear /dev/ubda 0", size/512) }
	status := func() {
		say(`./orthrus far status /dev/mapper/device | grep -q 'in step' || echo "FAIL at $at: $(./orthrus far status /dev/mapper/device)"`)
	}
	say("at=format")
	say("want 0 dmsetup create device --table '%s'", table(48*mib))
	say("want 0 dmsetup mknodes device")
	say("want 0 ./orthrus luksFormat -q --luks2-keyslots-size 1m %s --key-file one /dev/mapper/device", cheap)
	say("want 0 ./orthrus open --key-file one /dev/mapper/device vault")
	say("want 0 mkfs.ext4 -q -b 4096 /dev/mapper/vault")
	say("want 0 mount /dev/mapper/vault /mnt")
	say(`: >/run/sums; write() { n=0; while [ ! -e /run/stop ]; do n=$((n+1)); dd if=/dev/urandom of=/mnt/file.$((n %% 200)) bs=1k count=$((n %% 90 + 1)) conv=fsync 2>/dev/null || echo "FAIL write"; sha256sum /mnt/file.$((n %% 200)) >/run/sum.$((n %% 200)); done; echo $n >/run/written; }`)
	say("write & writer=$!")
	for i, size := range []int64{56 * mib, 73*mib + 7*512, 74*mib + 512} {
		say("at='growth %d'", i+1)
		say("want 0 dmsetup load device --table '%s'", table(size))
		say("want 0 dmsetup resume device")
		small := ""
		if i == 2 {
			say("want 1 ./orthrus grow --key-file one vault")
			small = "--force-small "
		}
		say("want 0 ./orthrus grow %s--key-file one %s", small, []string{"vault", "/dev/mapper/device", "/dev/mapper/vault"}[i])
		say("want 0 resize2fs /dev/mapper/vault")
		status()
	}
	say("at='both heads lost'; touch /run/stop; wait $writer")
	say("[ $(cat /run/written) -gt 30 ] || echo \"FAIL only $(cat /run/written) files written\"")
	say("want 0 umount /mnt")
	say("want 0 ./orthrus close vault")
	say("want 0 dd if=/dev/zero of=/dev/mapper/device bs=16k count=2 oflag=direct")
	say("want 1 ./orthrus open --key-file one /dev/mapper/device vault")
	say("want 0 ./orthrus repair -q --from-far --undo /run/undo /dev/mapper/device")
	say("want 0 ./orthrus open --key-file one /dev/mapper/device vault")
	say("want 0 e2fsck -fn /dev/mapper/vault")
	say("want 0 mount /dev/mapper/vault /mnt")
	say("want 0 sh -c 'cat /run/sum.* | sha256sum -c --quiet'")
	say(`echo "$(cat /run/sum.* | wc -l) files of $(cat /run/written) writes"`)
	say("want 0 umount /mnt")
	say("at=shrink")
	say("want 1 ./orthrus shrink --device-size 50m --key-file one vault")
	say("want 0 e2fsck -fy /dev/mapper/vault")
	say("want 0 resize2fs /dev/mapper/vault 40M")
	say("want 0 ./orthrus shrink --device-size 50m --key-file one vault")
	say("want 0 e2fsck -fn /dev/mapper/vault")
	say("want 1 ./orthrus grow --key-file one vault")
	say("want 0 dmsetup load device --table '%s'", table(50*mib))
	say("want 0 dmsetup resume device")
	say("want 0 ./orthrus close vault")
	say("want 0 ./orthrus open --key-file one /dev/mapper/device vault")
	status()
	say("want 0 mount /dev/mapper/vault /mnt")
	say("want 0 sh -c 'cat /run/sum.* | sha256sum -c --quiet'")
	say("want 0 umount /mnt")
	say("want 0 ./orthrus close vault")
	say("want 0 cryptsetup open --test-passphrase --key-file one /dev/mapper/device")
	out := runScript(t, dir, script.String(), 8*time.Minute)
	for line := range strings.Lines(out) {
		if strings.Contains(line, " files of ") && !t.Failed() {
			fmt.Println("three growths below a mounted ext4, both heads lost and brought back:", strings.TrimSpace(line), "verified")
		}
	}
}
