// SPDX-License-Identifier: Apache-2.0

package callers

import (
	"testing"

	"github.com/orthrus-luks/orthrus/test/vm/machine"
)

// tang starts a server on loopback, and leaves its signed advertisement in /root/adv.jws.
const tang = `mkdir -p /var/db/tang; chown _tang:_tang /var/db/tang || true
	test -n "$(ls /var/db/tang)" || /usr/libexec/tangd-keygen /var/db/tang
	chmod 644 /var/db/tang/*
	curl -sf http://127.0.0.1:7500/adv >/dev/null || {
		setsid socat TCP-LISTEN:7500,bind=127.0.0.1,fork,reuseaddr EXEC:'/usr/libexec/tangd /var/db/tang' >/dev/null 2>&1 </dev/null &
		for i in $(seq 100); do curl -sf http://127.0.0.1:7500/adv >/root/adv.jws && break; sleep 0.2; done
	}
	curl -sf http://127.0.0.1:7500/adv >/root/adv.jws; test -s /root/adv.jws`

const pin = `'{"url":"http://127.0.0.1:7500","adv":"/root/adv.jws"}'`

// TestClevis binds a volume to a real tang server, unlocks it with nothing but the network, and
// unbinds it; the passphrase stays.
func TestClevis(t *testing.T) {
	machine.Inside(t, func(t *testing.T) {
		for _, kind := range []string{"luks2", "luks1"} {
			t.Run(kind, func(t *testing.T) {
				g := caller(t)
				g.luksFormat(g.a, "--type "+kind)
				g.sh(tang)
				g.sh("printf secret | clevis luks bind -f -k - -d $a tang " + pin)
				g.says("1: tang", "clevis luks list -d $a")
				g.sh("clevis luks unlock -d $a -n bound && dmsetup info bound && cryptsetup close bound")
				g.sh("clevis luks pass -d $a -s 1 | cryptsetup open --test-passphrase --key-slot 1 $a")
				if kind == "luks2" {
					g.sh("clevis luks regen -q -d $a -s 1 && clevis luks unlock -d $a -n bound && cryptsetup close bound")
				}
				g.sh("clevis luks unbind -f -d $a -s 1")
				g.sh("test -z \"$(clevis luks list -d $a)\"")
				g.fails("clevis luks unlock -d $a -n bound")
				g.sh("printf secret | " + real + " open --test-passphrase $a && ! printf secret | " + real + " open --test-passphrase --key-slot 1 $a")
				g.ran("clevis with "+kind, "isLuks --type "+kind, "luksAddKey", "luksKillSlot", "luksDump")
			})
		}
	})
}
