// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// TestCryptdisks: key file with options, key script, a plain swap device with a random key.
func TestCryptdisks(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		g := caller(t)
		g.luksFormat(g.a, "")
		g.sh(`printf '#!/bin/sh\nprintf secret\n' >/root/script; printf '#!/bin/sh\nprintf wrong\n' >/root/wrong; chmod +x /root/script /root/wrong
			cat >/etc/crypttab <<-END
				filed $a /root/key luks,discard,no-read-workqueue
				scripted $a none luks,keyscript=/root/script,keyslot=0,tries=1
				mistaken $a none luks,keyscript=/root/wrong,tries=2
				swapped $b /dev/urandom swap,plain,cipher=aes-xts-plain64,size=256,hash=plain
			END`)
		g.says("filed", "cryptdisks_start filed")
		g.says("allow_discards no_read_workqueue", "dmsetup table filed")
		g.sh("mkfs.ext4 -q /dev/mapper/filed && cryptdisks_stop filed && ! test -e /dev/mapper/filed")
		g.sh("cryptdisks_start scripted && blkid -p /dev/mapper/scripted | grep -q ext4 && cryptdisks_stop scripted")
		g.fails("cryptdisks_start mistaken </dev/null")
		g.sh("cryptdisks_start swapped && blkid -p /dev/mapper/swapped | grep -q 'TYPE=\"swap\"' && cryptdisks_stop swapped")
		g.ran("cryptdisks", "--allow-discards --perf-no_read_workqueue --type=luks --key-file=/root/key open -- ", "--key-slot=0", "--type=plain", "remove -- filed")
	})
}

// TestInitramfsScripts: the script that unlocks the root of a Debian, asking through its fifo.
func TestInitramfsScripts(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		g := caller(t)
		g.luksFormat(g.a, "")
		g.sh(`cryptsetup open -d /root/key $a x && mkfs.ext4 -q /dev/mapper/x && cryptsetup close x
			ln -sfn /usr/share/initramfs-tools/scripts /scripts
			mkdir -p /cryptroot /conf
			printf 'cryptroot %s none luks,discard\n' $a >/cryptroot/crypttab`)
		g.says("set up successfully", `
			fifo=/lib/cryptsetup/passfifo
			(for word in wrong secret; do
				for i in $(seq 600); do test -p $fifo && break; sleep 0.2; done
				printf %s $word >$fifo
				for i in $(seq 600); do test -p $fifo || break; sleep 0.2; done
			done) >/dev/null 2>&1 &
			script -qec 'rootmnt=/root quiet=n /scripts/local-top/cryptroot' /dev/null < <(exec sleep 120 >/dev/null 2>&1)`)
		g.says("allow_discards", "dmsetup table cryptroot")
		g.ran("the initramfs script cryptroot", "--type=luks", "open")
	})
}

// TestDracut: the script that asks for a root's passphrase, and its key files.
func TestDracut(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		g := caller(t)
		g.luksFormat(g.a, "")
		g.sh(`ln -sf /usr/lib/dracut/modules.d/99base/dracut-lib.sh /lib/dracut-lib.sh
			ln -sf /usr/lib/dracut/modules.d/99base/dracut-dev-lib.sh /lib/dracut-dev-lib.sh
			ln -sf /usr/lib/dracut/modules.d/90crypt/crypt-lib.sh /lib/dracut-crypt-lib.sh
			rm -f /etc/crypttab; mkdir -p /tmp /run/initramfs`)
		g.sh("printf 'secret\\n' | hookdir=/tmp/hooks sh /usr/lib/dracut/modules.d/90crypt/cryptroot-ask.sh $a luks-asked 0 0; dmsetup info luks-asked && cryptsetup close luks-asked")
		g.ran("dracut's cryptroot-ask", "--help", "luksOpen")
	})
}
