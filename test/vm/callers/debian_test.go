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
