// SPDX-License-Identifier: Apache-2.0

package uml

import "testing"

// What somebody else uses is not written to, though the guard knows the volume and both heads are hurt: swap
// on a plain mapping, a linear mapping, a loop device, with a far header and without.
func TestGuardLeavesAloneWhatIsInUse(t *testing.T) {
	guardScript(t, `
for mode in --no-far-header --far-header; do
	at="swap, $mode"; volume $mode; want 0 umount /run/t/mnt; want 0 orthrus close vault
	watch 'repair = proven\n'
	want 0 cryptsetup open -q --type plain -c aes-xts-plain64 -s 256 -d /dev/urandom $node sw
	want 0 mkswap -q /dev/mapper/sw; want 0 swapon /dev/mapper/sw
	dd if=/dev/zero of=$node bs=16k count=1 conv=notrunc status=none
	was=$(begin)
	until_ 'orthrus guard status | grep -q "in use: mapping sw"'
	sleep 1; is "$(begin)" "$was"
	want 0 swapoff /dev/mapper/sw; want 0 cryptsetup close sw
	at="linear, $mode"
	want 0 dmsetup create lin --table "0 2048 linear $node 0"
	dd if=/dev/zero of=$node bs=16k count=2 conv=notrunc status=none; was=$(begin)
	sleep 1; is "$(begin)" "$was"
	unwatch; want 0 dmsetup remove lin
	at="another name of the file, $mode"; volume $mode; want 0 umount /run/t/mnt; want 0 orthrus close vault
	want 0 orthrus guard --once $node
	file=$(cat /sys/block/${node##*/}/loop/backing_file); ln $file /run/t/linked; other=$(losetup -f --show /run/t/linked)
	dd if=/dev/zero of=$node bs=16k count=2 conv=notrunc status=none; was=$(begin)
	said=$(orthrus guard --once $node)
	case "$mode $said" in --no-far* | *"in use: loop device ${other##*/}"*) ;; *) echo "FAIL at $at: nobody is named" ;; esac
	is "$(begin)" "$was"
	want 0 losetup -d $other; rm /run/t/linked; want 0 losetup -d $node
done
`)
}

// A suspended mapping keeps the guard neither from mending another volume, nor from answering, nor from ending.
func TestGuardIsNotBlindedByASuspendedMapping(t *testing.T) {
	guardScript(t, `
at=suspended
for i in 1 2 3; do
	truncate -s 8M /run/t/s$i; n=$(losetup -f --show /run/t/s$i)
	want 0 dmsetup create s$i --table "0 16384 linear $n 0"
	want 0 dmsetup suspend s$i
done
volume --no-far-header
watch 'repair = proven\n'
dd if=/dev/zero of=$node bs=16k count=1 conv=notrunc status=none
until_ 'orthrus guard history $uuid | grep -q " repaired "'
unwatch
for i in 1 2 3; do want 0 dmsetup resume s$i; want 0 dmsetup remove s$i; done
end
`)
}

// The data device of an open volume with a detached header is not lost, though it is looked at first, and is no
// clone of the header's device, which is mended.
func TestGuardKnowsDetachedHeaders(t *testing.T) {
	guardScript(t, `
for offset in 0 2048; do
	at="detached, $offset"
	truncate -s 8M /run/t/data; data=$(losetup -f --show /run/t/data)
	truncate -s 4M /run/t/header; node=$(losetup -f --show /run/t/header)
	want 0 cryptsetup luksFormat -q --header $node --offset $offset --pbkdf pbkdf2 --pbkdf-force-iterations 1000 --luks2-keyslots-size 512k --key-file one $data
	uuid=$(orthrus luksUUID $node)
	want 0 cryptsetup open --header $node --key-file one $data vault
	watch 'repair = proven\nworkers = 1\n'
	! grep -q "LUKS.*, lost" /run/t/status || echo "FAIL at $at: $(cat /run/t/status)"
	! grep -q level=ERROR /run/t/log || echo "FAIL at $at: $(cat /run/t/log)"
	was=$(begin)
	dd if=/dev/zero of=$node bs=16k count=1 conv=notrunc status=none
	until_ 'orthrus guard history $uuid | grep -q " repaired "'
	want 0 orthrus check $node
	unwatch; want 0 cryptsetup close vault; losetup -D; rm -rf /run/state
done
`)
}

// What a rehearsal would have done is in status, metrics and log, and the disk is as it was.
func TestGuardRehearses(t *testing.T) {
	guardScript(t, `
at=rehearsal; volume --no-far-header
watch 'repair = rehearse\nmetrics = /run/t/prom\n'
dd if=/dev/zero of=$node bs=16k count=2 conv=notrunc status=none; was=$(begin)
until_ 'orthrus guard status | grep -q "1 steps rehearsed"'
until_ 'grep -q "orthrus_guard_rehearsed_total 1" /run/t/prom'
grep -q "REHEARSED: would have restore" /run/t/log || echo "FAIL at $at: the log does not say so"
orthrus guard status | grep -q "proven: nobody uses the device but" || echo "FAIL at $at: no proof is shown"
sleep 1; is "$(begin)" "$was"; is "$(orthrus guard status | grep -c rehearsed:)" 1
unwatch
watch 'repair = proven\n'; until_ 'orthrus guard history $uuid | grep -q " restored "'; unwatch
end
`)
}
