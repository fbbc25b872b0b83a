// SPDX-License-Identifier: Apache-2.0

package uml

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/orthrus-luks/orthrus/test/part"
)

// guarding is what every script about the guard begins with: a state of its own, a loop device, and
// words to say things in. A key counts as held while /proc/keys shows it and not as revoked.
const guarding = `
for m in drivers/block/loop fs/ext4/ext4; do
	f=` + moduleTree + `/$(uname -r)/kernel/$m.ko
	[ ! -e "$f" ] || insmod "$f" 2>/dev/null
done
mkdir -p /run/dev && mount -t devtmpfs dev /dev 2>/dev/null
export ORTHRUS_STATE_DIR=/run/state ORTHRUS_RUN_DIR=/run/orthrus PATH=$PWD:$PATH
mkdir -p /run/t/mnt
at=guard
# until CONDITION: waits for it, for half a minute of a slow machine.
until_() {
	i=0
	while [ $i -lt 120 ]; do
		eval "$1" && return 0
		sleep 0.25; i=$((i+1))
	done
	echo "FAIL at $at: never: $1"
	orthrus guard status
}
held() { grep "logon.*$uuid" /proc/keys | grep -cv ' I*R'; }
is() { [ "$1" = "$2" ] || echo "FAIL at $at: $1 is not $2"; }
watch() {
	printf "$1" >/run/t/conf
	orthrus guard --config /run/t/conf >/run/t/log 2>&1 & guard=$!
	until_ 'orthrus guard status >/run/t/status 2>&1 && grep -q "$uuid" /run/t/status'
}
unwatch() { kill $guard; wait $guard || echo "FAIL at $at: the guard ends with $?"; }
# volume OPTION...: a mounted volume with a file on a new loop device.
volume() {
	rm -f /run/t/img; truncate -s 24M /run/t/img; node=$(losetup -f --show /run/t/img)
	want 0 orthrus luksFormat -q $1 --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 512k --key-file one $node
	shift
	uuid=$(orthrus luksUUID $node)
	want 0 orthrus open "$@" --key-file one $node vault
	want 0 mkfs.ext4 -q /dev/mapper/vault
	want 0 mount /dev/mapper/vault /run/t/mnt
	seq 20000 >/run/t/mnt/file; sync
	was=$(sha256sum </run/t/mnt/file)
}
intact() { is "$(sha256sum </run/t/mnt/file)" "$was"; }
begin() { dd if=$node bs=1M count=1 iflag=direct status=none | sha256sum; }
end() { want 0 umount /run/t/mnt; want 0 orthrus close vault; want 0 losetup -d $node; }
`

// guardScript runs a script on top of guarding.
func guardScript(t *testing.T, script string) string {
	t.Helper()
	return runScript(t, place(t, 1<<20), guarding+script, 20*time.Minute)
}

// With repair = proven, heads destroyed under a mapping come back byte for byte, and the real cryptsetup
// opens what it finds. With the default policy, and after an erase or a shred, nothing is written.
func TestGuardRestoresHeadsUnderAMapping(t *testing.T) {
	guardScript(t, `
volume --no-far-header
at=restored; watch 'repair = proven\n'
before=$(begin)
dd if=/dev/zero of=$node bs=16k count=2 conv=notrunc status=none
until_ 'orthrus guard history $uuid | grep -q " restored "'
is "$(begin)" "$before"; intact; unwatch
want 0 umount /run/t/mnt; want 0 orthrus close vault
want 0 cryptsetup open --key-file one $node vault
want 0 mount /dev/mapper/vault /run/t/mnt; intact

at=default; watch ''
dd if=/dev/zero of=$node bs=16k count=2 conv=notrunc status=none
hurt=$(begin)
until_ 'orthrus guard status | grep -q "repair = off"'
until_ 'orthrus guard status | grep -q "to be done: restore"'
sleep 1; is "$(begin)" "$hurt"; intact; unwatch

at='restored at start'; watch 'repair = proven\n'
until_ '[ "$(begin)" = "$before" ]'
at=shred
dd if=/dev/zero of=$node bs=256k count=1 conv=notrunc status=none
hurt=$(begin)
until_ 'orthrus guard status | grep -q "as after an erase"'
sleep 1; is "$(begin)" "$hurt"; unwatch; end

at=erase; volume --no-far-header; watch 'repair = proven\n'
want 0 cryptsetup -q erase $node
dd if=/dev/zero of=$node bs=16k count=2 conv=notrunc status=none
hurt=$(begin)
until_ 'orthrus guard status | grep -Eq "as after an erase|no keyslot was left"'
sleep 1; is "$(begin)" "$hurt"; intact; unwatch; end
`)
}

// A mounted volume's device grows, in the long run five times, without and with a far header: the mapping
// follows without a passphrase, the far header lies at the end each time, the file is intact.
func TestGuardFollowsGrowth(t *testing.T) {
	modes := part.Of(t, "kinds of volume", []string{"--no-far-header", "--far-header"}, []string{"--far-header"})
	steps := []string{"32", "40", "48", "56", "64"}
	sizes := strings.Join(part.Of(t, "growths", steps, steps[:2]), " ")
	for _, far := range modes {
		out := guardScript(t, fmt.Sprintf(`
at='%[1]s'; volume %[1]s --link-for-guard
is $(held) 1
watch 'repair = proven\ngrow = yes\n'
size=$(blockdev --getsize64 /dev/mapper/vault)
(while [ ! -e /run/t/enough ]; do dd if=/dev/zero of=/run/t/mnt/churn bs=64k count=4 conv=fsync status=none || echo "FAIL at $at: I/O"; done) & churn=$!
for mib in %[2]s; do
	truncate -s ${mib}M /run/t/img; losetup -c $node
	want=$((size + (mib - 24) * 1048576))
	until_ '[ $(blockdev --getsize64 /dev/mapper/vault) = $want ]'
	echo "grown to $mib MiB: mapped $(blockdev --getsize64 /dev/mapper/vault)"
	[ '%[1]s' = --no-far-header ] || until_ 'orthrus far status $node | grep -q "in step"'
done
touch /run/t/enough; wait $churn
want 0 resize2fs /dev/mapper/vault; intact
want 0 umount /run/t/mnt
want 0 e2fsck -f -n /dev/mapper/vault
want 0 orthrus check $node
unwatch; is $(held) 0
want 0 orthrus close vault
want 0 cryptsetup open --key-file one $node vault
want 0 mount /dev/mapper/vault /run/t/mnt; intact; end
`, far, sizes))
		if n := strings.Count(out, "grown to"); n != len(strings.Fields(sizes)) {
			t.Errorf("%s: grown %d times:\n%s", far, n, out)
		}
	}
}

// The key that open leaves for the guard is gone from /proc/keys, or shown as revoked there, after
// close, luksSuspend, erase, the guard's stop, and cryptsetup's close.
func TestGuardKeyIsRevoked(t *testing.T) {
	guardScript(t, `
volume --no-far-header
at='not asked for'; is $(held) 0
open() { want 0 orthrus open --link-for-guard --key-file one $node vault; is $(held) 1; }
want 0 umount /run/t/mnt; want 0 orthrus close vault
at=close; open; want 0 orthrus close vault; is $(held) 0
at=luksSuspend; open; want 0 orthrus luksSuspend vault; is $(held) 0
want 0 orthrus luksResume --key-file one vault; want 0 orthrus close vault
at=stop; open; watch 'grow = yes\n'
until_ 'orthrus guard status --json | grep -q "\"key_held\": true"'
unwatch; is $(held) 0; want 0 orthrus close vault
at="cryptsetup's close"; open; watch 'grow = yes\n'; want 0 cryptsetup close vault; until_ '[ $(held) = 0 ]'; unwatch
at=erase; open; want 0 orthrus erase -q $node; is $(held) 0; want 0 orthrus close vault
`)
}
